"""How a data set is parted and thinned: by time with gaps for late labels, and by the payment's own name. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)


class SplitError(Exception):
    """The parts do not fit into the time; the message says what to change."""


@dataclass(frozen=True)
class Part:
    """A split and its time: start <= occurred_at < end."""

    name: str
    start: datetime
    end: datetime


def parts_of(
    start: datetime, end: datetime, *, validation: timedelta, test: timedelta, delay: timedelta
) -> tuple[Part, ...]:
    """Train, validation and test, one after the other; before validation and test lies a gap of `delay` each.

    In the gap lie payments whose labels were not known yet when the next part began: a model in use would not have had
    them. A part of no length is left out, with its gap.

    Raises:
        SplitError: nothing is left to train on.
    """
    found, last = [], end
    for name, length in ((TEST, test), (VALIDATION, validation)):
        if length:
            found.append(Part(name, last - length, last))
            last -= length + delay
    if start >= last:
        raise SplitError(
            f"From {start:%Y-%m-%d} to {end:%Y-%m-%d} nothing is left to train on: validation, test "
            f"and their gaps take {(end - last) / timedelta(days=1):g} days. Begin earlier, or make them shorter."
        )
    return (Part(TRAIN, start, last), *reversed(found))


def is_kept(transaction_ids: Sequence[str], share: float) -> NDArray[np.bool_]:
    """Whether each payment is among the `share` (0-1) that is kept: by a hash of its id, so always the same ones."""
    if share >= 1.0:
        return np.ones(len(transaction_ids), bool)
    joined = b"".join([blake2b(one.encode(), digest_size=8).digest() for one in transaction_ids])
    return np.asarray(np.frombuffer(joined, ">u8") < np.uint64(share * 2.0**64))


def class_weights(legitimate: float, frauds: float) -> dict[str, float]:
    """Weights under which both classes weigh alike, of the sums of row weights; empty without both.

    For those who train something else on the files: the product's own trees take none, as calibration would be lost.
    """
    if not legitimate or not frauds:
        return {}
    both = legitimate + frauds
    return {"legitimate": both / (2 * legitimate), "fraud": both / (2 * frauds)}
