"""What a model keeps of the traffic it learnt from."""

import json

import numpy as np
import pytest

from scoring.features.definitions import NAMES
from scoring.ml.datasets import UNKNOWN
from scoring.ml.reference import (
    Distribution,
    Reference,
    ReferenceUnreadableError,
    calibration_points,
    counts_between,
    distribution,
    reference_of,
)
from tests.scoring.ml_data import make_dataset


def test_values_fall_into_parts_of_equal_count():
    values = np.random.default_rng(1).permutation(np.arange(1000)).astype(np.float32)

    found = distribution(values, 21)

    assert (found.edges[0], found.edges[-1]) == (0.0, 999.0)
    assert found.counts[0] == 0
    assert all(45 <= count <= 55 for count in found.counts[1:-1])
    assert sum(found.counts) == 1000


def test_a_flag_that_is_rare_has_a_bin_of_its_own():
    values = np.zeros(1000, np.float32)
    values[:3] = 1.0

    assert distribution(values, 20) == Distribution([0.0, 1.0], [0, 997, 3])


def test_missing_values_are_in_no_bin():
    values = np.array([np.nan, 2.0, np.nan, 4.0], np.float32)

    assert sum(distribution(values, 20).counts) == 2
    assert distribution(np.full(5, np.nan, np.float32), 20) == Distribution([], [0])


def test_a_constant_feature_has_one_edge():
    assert distribution(np.full(7, 3.0), 20) == Distribution([3.0], [0, 7])


@pytest.mark.parametrize("seed", range(5))
def test_counting_the_same_values_again_gives_the_same_counts(seed):
    chance = np.random.default_rng(seed)
    values = np.round(chance.gamma(1.0, 3.0, 500), seed % 3).astype(np.float32)
    values[chance.random(500) < 0.1] = np.nan

    found = distribution(values, 20)

    assert found.count(values) == list(found.counts)


def test_what_was_never_seen_while_training_falls_below_or_above():
    assert counts_between([1.0, 2.0], np.array([0.5, 1.0, 1.9, 2.0, 9.0, np.nan])) == [1, 2, 2]


def test_a_reference_is_read_as_it_was_written():
    data = make_dataset(2000)
    data.labels[:100] = UNKNOWN
    scores = np.random.default_rng(1).random(2000)
    made = reference_of(
        data, NAMES, scores, calibration=calibration_points(data.labels[100:], scores[100:]), anomaly=scores
    )

    read = Reference.from_json(json.loads(json.dumps(made.to_json())))

    assert read == made
    assert read.label_rate == data.labels[100:].mean()
    assert read.missing["card_km"] == 1.0
    assert len(read.score.edges) == 101
    assert sum(rows for _, _, rows in read.calibration) == 1900


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ({}, "stored before"),
        ({"rows": 3}, "missing"),
        (
            {"rows": 3, "missing": {}, "edges": {"a": [1.0]}, "counts": {"a": [1]}, "score": {}, "label_rate": 0},
            "1 counts for 1 edges",
        ),
    ],
)
def test_what_is_no_reference_is_refused_in_words(kept, said):
    with pytest.raises(ReferenceUnreadableError, match=said):
        Reference.from_json(kept)
