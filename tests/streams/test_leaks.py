"""What is learnt from knows nothing of its future: simulated payments whose labels come late."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from scoring.features.definitions import DAY, NAMES
from scoring.features.offline import LABELS, PAYMENTS, replay
from scoring.ml.datasets import Dataset
from scoring.ml.metrics import calibration, ranking
from scoring.ml.model import calibrated, margins
from scoring.ml.training import train
from scoring.transaction import decode
from streams.simulator import World, encode, generate

START = datetime(2025, 2, 20, tzinfo=UTC)
DAYS = 35
TRAIN_DAYS, DELAY_DAYS = 21, 7
_NAMED = [name for name in PAYMENTS if name not in {"received_at", "amount", "is_declined"}]


@pytest.fixture(scope="module")
def history() -> pl.DataFrame:
    """Payments in the order of time: the columns of `PAYMENTS`, and `known_at`, null where no fraud was reported."""
    world = World(seed=11, cards=1200, merchants=200)
    rows = []
    for made in generate(world, START, START + timedelta(days=DAYS), fraud_rate=0.02):
        sent = decode(encode(made.record), received_at=made.occurred_at)
        row = {name: getattr(sent, name) for name in _NAMED} | {"amount": float(sent.amount)}
        known_at = made.label_known_at if made.is_fraud else None
        rows.append(row | {"received_at": sent.occurred_at, "is_declined": False, "known_at": known_at})
    return pl.DataFrame(rows, {**PAYMENTS, "known_at": PAYMENTS["occurred_at"]})


def labels_of(history: pl.DataFrame) -> pl.DataFrame:
    """`LABELS` in the order in which they became known, each before the first payment that could know of it."""
    frauds = history.filter(pl.col("known_at").is_not_null()).sort("known_at")
    after = history["occurred_at"].search_sorted(frauds["known_at"], "left")
    return frauds.with_columns(after=pl.Series(after, dtype=pl.Int64)).select(*LABELS)


def vectors_of(history: pl.DataFrame, labels: pl.DataFrame) -> NDArray[np.float32]:
    return replay(history.select(*PAYMENTS), labels).vectors


def seconds(times: pl.Series) -> NDArray[np.float64]:
    return times.dt.timestamp("us").to_numpy() / 1e6


def learnable(history: pl.DataFrame, vectors: NDArray[np.float32]) -> tuple[Dataset, Dataset]:
    """The first weeks with the labels known when the last begins, and the last with the truth."""
    times, is_fraud = seconds(history["occurred_at"]), history["known_at"].is_not_null().to_numpy()
    known_at = history["known_at"].dt.timestamp("us").fill_null(0).to_numpy() / 1e6
    first = times[0] // DAY * DAY
    train_end, test_start = first + TRAIN_DAYS * DAY, first + (TRAIN_DAYS + DELAY_DAYS) * DAY
    blank, currencies = np.zeros(len(times), np.int64), np.full(len(times), "EUR")
    training = Dataset(
        vectors, (is_fraud & (known_at <= test_start)).astype(np.int8), times, blank, blank * 1.0, currencies
    )
    test = Dataset(vectors, is_fraud.astype(np.int8), times, blank, blank * 1.0, currencies)
    return training.where(times < train_end), test.where(times >= test_start)


def test_what_comes_after_a_moment_changes_no_vector_before_it(history):
    labels = labels_of(history)
    whole = vectors_of(history, labels)
    chance = np.random.default_rng(5)

    for cut in (1, len(history) // 3, len(history) - 500):
        rest = chance.permutation(np.arange(cut, len(history)))
        shuffled = history[np.concatenate([np.arange(cut), rest])]
        known = labels.filter(pl.col("after") < cut)

        assert vectors_of(history[:cut], known).tobytes() == whole[:cut].tobytes()
        assert vectors_of(shuffled, known)[:cut].tobytes() == whole[:cut].tobytes()


def test_a_label_changes_no_vector_that_was_made_before_it_came(history):
    labels = labels_of(history)
    none, all_of_them = vectors_of(history, labels[:0]), vectors_of(history, labels)

    first = int(labels["after"].min())
    assert len(labels) > 100
    assert none[:first].tobytes() == all_of_them[:first].tobytes()
    assert none[first:].tobytes() != all_of_them[first:].tobytes()
    # One more, of a payment long before, at a moment in the middle.
    middle = len(history) // 2
    late = labels[:1].with_columns(after=pl.lit(middle, pl.Int64), known_at=history["occurred_at"][middle])
    one_more = vectors_of(history, pl.concat([labels, late]).sort("after", maintain_order=True))
    assert one_more[:middle].tobytes() == all_of_them[:middle].tobytes()
    assert one_more[middle:].tobytes() != all_of_them[middle:].tobytes()


def test_labels_given_to_payments_by_chance_teach_nothing(history):
    chance = np.random.default_rng(3)
    delays = (history["known_at"] - history["occurred_at"]).gather(chance.permutation(len(history)))
    by_chance = history.with_columns(known_at=pl.col("occurred_at") + delays)
    training, test = learnable(by_chance, vectors_of(by_chance, labels_of(by_chance)))

    trained = train(training, seed=1)

    base_rate = test.labels.mean()
    found = ranking(test.labels, margins(trained.booster, test.vectors))["average_precision"]
    assert found == pytest.approx(base_rate, rel=0.35)


def test_scores_of_a_week_to_come_are_probabilities(history):
    training, test = learnable(history, vectors_of(history, labels_of(history)))

    trained = train(training, seed=1)

    margin = margins(trained.booster, test.vectors)
    scores = calibrated(margin, trained.slope, trained.intercept)

    assert ranking(test.labels, margin)["average_precision"] > 20 * test.labels.mean()
    assert calibration(test.labels, scores)["expected_calibration_error"] < 0.01
    assert len(trained.booster.feature_names or ()) == len(NAMES)
