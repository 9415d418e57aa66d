"""The record as data sets: which decisions, and which labels at which time."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from scoring.datasets import fold_data, recorded_payments
from scoring.features.definitions import NAMES, VERSION
from scoring.ml.datasets import FRAUD, LEGITIMATE, UNKNOWN, Dataset, card_code
from scoring.ml.protocol import Fold
from scoring.models import Decision
from scoring.recorded import Counted, Period, chunks, count_rows
from tests.factories import DAY, HOUR, NOON, make_decision, make_label
from tests.scoring.ml_data import make_vector

pytestmark = pytest.mark.django_db
MIDNIGHT = datetime(2026, 11, 1, tzinfo=UTC)


def make_payment(**overrides: object) -> Decision:
    return make_decision(**{"features": make_vector(amount=5.0).tobytes(), "feature_version": VERSION} | overrides)


def payments(as_of: datetime | None = NOON, maturity: timedelta | None = DAY) -> Dataset:
    return recorded_payments(NOON - 30 * DAY, NOON + DAY, labels_as_of=as_of, maturity=maturity)


def test_payments_come_as_arrays_in_the_order_of_time_then_id():
    make_payment(transaction_id="b", occurred_at=NOON, amount="7.10", currency="SEK")
    make_payment(transaction_id="a", occurred_at=NOON, amount="3.25", card_id="card-1")
    make_payment(transaction_id="c", occurred_at=NOON - HOUR, features=make_vector(amount=9.0).tobytes())

    data = payments()

    assert data.vectors.dtype == np.float32
    assert data.vectors.shape == (3, len(NAMES))
    assert data.vectors[0, 0] == 9.0
    assert data.occurred_at.tolist() == [(NOON - HOUR).timestamp(), NOON.timestamp(), NOON.timestamp()]
    assert data.amounts.tolist() == [1249.0, 3.25, 7.1]
    assert data.currencies.tolist() == ["EUR", "EUR", "SEK"]
    assert data.cards[1] == card_code("card-1")


def test_a_period_begins_with_its_start_and_ends_before_its_end():
    for at in (NOON - 31 * DAY, NOON - 30 * DAY, NOON, NOON + DAY):
        make_payment(occurred_at=at)

    assert payments().occurred_at.tolist() == [(NOON - 30 * DAY).timestamp(), NOON.timestamp()]


def test_an_empty_period_is_an_empty_data_set():
    data = payments()

    assert len(data) == 0
    assert data.vectors.shape == (0, len(NAMES))


def test_vectors_of_another_table_or_of_an_outage_are_left_out():
    make_payment(feature_version="0", features=b"1234")
    make_payment(degraded=["features"])
    make_payment(degraded=["model"])

    assert len(payments()) == 1


def test_an_unlabelled_payment_is_legitimate_once_it_is_mature():
    make_payment(occurred_at=NOON - 2 * DAY)
    make_payment(occurred_at=NOON - HOUR)

    assert payments(maturity=DAY).labels.tolist() == [LEGITIMATE, UNKNOWN]
    assert payments(maturity=timedelta(0)).labels.tolist() == [LEGITIMATE, LEGITIMATE]
    assert payments(maturity=None).labels.tolist() == [UNKNOWN, UNKNOWN]


def test_a_young_payment_with_a_label_is_known():
    decision = make_payment(occurred_at=NOON - HOUR)
    make_label(decision, known_at=NOON - HOUR / 2)

    assert payments().labels.tolist() == [FRAUD]


def test_a_label_that_came_later_changes_nothing():
    decision = make_payment(occurred_at=NOON - 3 * DAY)
    make_label(decision, "legitimate", source="analyst", known_at=NOON - 2 * DAY)
    before = payments()

    make_label(decision, "fraud", source="chargeback", known_at=NOON + timedelta(microseconds=1))

    assert np.array_equal(payments().labels, before.labels)
    assert payments(as_of=None).labels.tolist() == [FRAUD]


def test_a_label_known_at_that_moment_counts():
    make_label(make_payment(), known_at=NOON)

    assert payments(as_of=NOON).labels.tolist() == [FRAUD]


def test_the_latest_statement_of_a_source_replaces_its_earlier_ones():
    decision = make_payment()
    make_label(decision, "legitimate", known_at=NOON - HOUR)
    make_label(decision, "fraud", known_at=NOON - 2 * HOUR)

    assert payments().labels.tolist() == [LEGITIMATE]


@pytest.mark.parametrize(
    ("believed", "other"),
    [("chargeback", "issuer_report"), ("issuer_report", "customer"), ("customer", "analyst")],
)
def test_sources_are_believed_in_their_order_whoever_spoke_last(believed, other):
    decision = make_payment()
    make_label(decision, "fraud", source=believed, known_at=NOON - 2 * HOUR)
    make_label(decision, "legitimate", source=other, known_at=NOON - HOUR)

    assert payments().labels.tolist() == [FRAUD]


def test_a_fold_trains_with_the_labels_known_when_the_test_starts():
    fold = Fold(MIDNIGHT.timestamp(), train_days=7, delay_days=7, test_days=7)
    known, late = (make_payment(occurred_at=MIDNIGHT + hours * HOUR) for hours in (1, 2))
    tested = make_payment(occurred_at=MIDNIGHT + 15 * DAY)
    make_label(known, known_at=MIDNIGHT + 14 * DAY)
    for decision in (late, tested):
        make_label(decision, known_at=MIDNIGHT + 25 * DAY)

    training, truth = fold_data(fold)

    assert training.labels.tolist() == [FRAUD, LEGITIMATE]
    assert truth.labels.tolist() == [FRAUD, FRAUD, FRAUD]


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_payments_of_one_moment_are_read_once_however_the_chunks_fall(rows):
    for name in ("b", "a", "C", "d"):
        make_label(make_payment(transaction_id=name, occurred_at=NOON))
    make_payment(transaction_id="e", occurred_at=NOON + HOUR)

    read = [row for chunk in chunks(Period(NOON - DAY, NOON + DAY, NOON), rows=rows) for row in chunk]

    # Byte by byte, whatever the language of the database.
    assert [row.transaction_id for row in read] == ["C", "a", "b", "d", "e"]
    assert [row.label for row in read] == ["fraud"] * 4 + [None]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_chunks_of_which_nothing_is_taken_end_no_reading(rows):
    for hour in range(5):
        make_payment(degraded=["features"] if hour in (0, 1, 2) else [], occurred_at=NOON + hour * HOUR)

    read = list(chunks(Period(NOON, NOON + DAY, NOON), rows=rows))

    assert all(read)
    assert [row.occurred_at for chunk in read for row in chunk] == [
        int((NOON + hour * HOUR).timestamp() * 1e6) for hour in (3, 4)
    ]


def test_what_a_source_took_back_is_not_believed():
    decision = make_payment()
    make_label(decision, "fraud", known_at=NOON - 2 * HOUR)
    make_label(decision, "withdrawn", known_at=NOON - HOUR)

    assert payments(maturity=None).labels.tolist() == [UNKNOWN]

    make_label(decision, "legitimate", source="analyst", known_at=NOON - 3 * HOUR)

    assert payments(maturity=None).labels.tolist() == [LEGITIMATE]


def test_what_cannot_be_learnt_from_is_counted_by_why():
    make_payment(feature_version="0", features=b"1234")
    make_payment(features=b"1234")
    make_payment(degraded=["features"])
    make_payment(degraded=["model"])

    assert count_rows(Period(NOON - DAY, NOON + DAY, NOON)) == Counted(1, 1, 1, 1)
