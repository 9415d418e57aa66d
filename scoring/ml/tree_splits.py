"""The places where a model's trees part: between them its score stays the same. Pure."""

import json
from dataclasses import dataclass

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

_LEAF = -1


@dataclass(frozen=True)
class Splits:
    """All nodes of all trees, one after the other. A value below its node's threshold goes left, others right.

    roots: int64 (trees,). feature, left, right: int64 (nodes,), -1 at leaves, children as places among the nodes.
    threshold: float64 (nodes,), each a float32. missing_left: bool (nodes,), where a missing value goes.
    """

    roots: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]

    def met(
        self, vector: NDArray[np.float32], free: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Features and thresholds of the splits of `free` features that can be met while the others stay.

        vector: float32 (features,). free: bool (features,).
        """
        features, thresholds = [np.empty(0, np.int64)], [np.empty(0)]
        nodes = self.roots
        while len(nodes := nodes[self.feature[nodes] != _LEAF]):
            asked = self.feature[nodes]
            is_free = free[asked]
            features.append(asked[is_free])
            thresholds.append(self.threshold[nodes[is_free]])
            values = vector[asked].astype(np.float64)
            goes_left = np.where(np.isnan(values), self.missing_left[nodes], values < self.threshold[nodes])
            nodes = np.concatenate([self.left[nodes[goes_left | is_free]], self.right[nodes[~goes_left | is_free]]])
        return np.concatenate(features), np.concatenate(thresholds)


def splits_of(booster: xgb.Booster) -> Splits:
    """Those of a booster of trees without categories, the only kind that is trained here."""
    model = json.loads(bytes(booster.save_raw(raw_format="json")))["learner"]["gradient_booster"]["model"]
    trees = model["trees"]
    roots = np.cumsum([0, *(len(tree["left_children"]) for tree in trees)])[:-1].astype(np.int64)

    def column(name: str) -> NDArray[np.float64]:
        return np.array([value for tree in trees for value in tree[name]], np.float64)

    def children(name: str) -> NDArray[np.int64]:
        moved = [np.array(tree[name], np.int64) for tree in trees]
        return np.concatenate([np.where(one < 0, _LEAF, one + root) for one, root in zip(moved, roots, strict=True)])

    left, right = children("left_children"), children("right_children")
    return Splits(
        roots=roots,
        feature=np.where(left == _LEAF, _LEAF, column("split_indices").astype(np.int64)),
        threshold=column("split_conditions"),
        left=left,
        right=right,
        missing_left=column("default_left") != 0.0,
    )
