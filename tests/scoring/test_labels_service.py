"""Labels: a ledger of statements, and frauds counted once in the risk of merchant and device."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from scoring.features.definitions import INDEX
from scoring.features.events import Payment
from scoring.features.live import FeatureStoreError, MemoryStore, Pending
from scoring.models import Label, Outbox, PendingFeatures
from scoring.services.features import settle_features
from scoring.services.labels import (
    LABELS_WRITER,
    LabelStatement,
    LabelTimeError,
    UnknownTransactionError,
    apply_labels,
    record_labels,
)
from tests.factories import DAY, HOUR, NOON, make_decision, make_label, make_user
from tests.scoring.payments import make_payment

pytestmark = pytest.mark.django_db


def say(decision, label="fraud", source="chargeback", known_at=NOON, note="") -> LabelStatement:
    return LabelStatement(decision.transaction_id, label, source, known_at, note)


def frauds_seen_by(store, *, merchant_id="m-nordic", device_id="device-1") -> tuple[float, float]:
    at = NOON + HOUR
    payment = make_payment(merchant_id=merchant_id, device_id=device_id, occurred_at=at)
    vector = Pending(store, [Payment(payment, at)]).vectors[0]
    return float(vector[INDEX["merchant_decayed_frauds_7d"]]), float(vector[INDEX["device_frauds_30d"]])


def test_a_statement_is_written_once():
    decision, alice = make_decision(), make_user("analyst")

    first = record_labels([say(decision, note="called")], author=alice)
    again = record_labels([say(decision, note="called"), say(decision)], author=None)

    label = Label.objects.get()
    assert (first, again) == (1, 0)
    assert (label.decision, label.label, label.source, label.known_at) == (decision, "fraud", "chargeback", NOON)
    assert (label.author, label.note, label.applied_at) == (alice, "called", None)
    assert [row.ids for row in Outbox.objects.filter(topic="labels")] == [[label.id]]


def test_sources_may_differ_and_all_are_kept():
    decision = make_decision()

    made = record_labels(
        [say(decision), say(decision, "legitimate", "customer"), say(decision, known_at=NOON + HOUR)], author=None
    )

    assert made == 3
    assert Label.objects.count() == 3


def test_a_legitimate_label_has_nothing_to_tell_the_features():
    record_labels([say(make_decision(), "legitimate")], author=None)

    assert Label.objects.get().applied_at is not None
    assert not Outbox.objects.exists()


def test_a_label_of_an_unknown_payment_sinks_the_call_and_is_named():
    with pytest.raises(UnknownTransactionError, match="nobody"):
        record_labels([say(make_decision()), LabelStatement("nobody", "fraud", "chargeback", NOON)], author=None)

    assert not Label.objects.exists()


@pytest.mark.parametrize("known_at", [datetime.now(UTC) + timedelta(days=1), datetime(1969, 1, 1, tzinfo=UTC)])
def test_what_cannot_be_known_yet_is_refused(known_at):
    with pytest.raises(LabelTimeError):
        record_labels([say(make_decision(), known_at=known_at)], author=None)

    assert not Label.objects.exists()


def test_nothing_is_known_of_a_payment_before_it_occurred_by_a_clock_that_may_be_ahead():
    decision = make_decision(occurred_at=NOON)

    with pytest.raises(LabelTimeError, match=r"before its payment, which occurred at 2026-\d\d-\d\dT12:00:00Z"):
        record_labels([say(decision, known_at=NOON - timedelta(minutes=6))], author=None)
    assert not Label.objects.exists()
    assert record_labels([say(decision, known_at=NOON - timedelta(minutes=4))], author=None) == 1


def test_a_fraud_counts_at_its_merchant_and_device_once():
    store, label = MemoryStore(), make_label(make_decision())

    assert apply_labels([label.id]) == 1
    assert apply_labels([label.id]) == 0
    settle_features(LABELS_WRITER, store=store)

    merchant, device = frauds_seen_by(store)
    assert merchant == pytest.approx(0.5 ** (1 / 168))
    assert device == 1.0
    assert frauds_seen_by(store, merchant_id="m-other", device_id="d-other") == (0.0, 0.0)


def test_a_payment_that_two_sources_call_fraud_counts_once():
    store, decision = MemoryStore(), make_decision()
    first, second = make_label(decision), make_label(decision, source="customer", known_at=NOON - DAY)

    assert apply_labels([first.id, second.id]) == 1
    third = make_label(decision, source="issuer_report")
    assert apply_labels([third.id]) == 0
    settle_features(LABELS_WRITER, store=store)

    assert frauds_seen_by(store)[1] == 1.0
    assert not Label.objects.filter(applied_at=None).exists()


def test_a_legitimate_label_is_never_applied():
    label = make_label(make_decision(), "legitimate")

    assert apply_labels([label.id]) == 0
    assert not PendingFeatures.objects.exists()


def test_labels_whose_features_could_not_be_written_wait():
    class Broken(MemoryStore):
        def write(self, *arguments):
            raise FeatureStoreError("no answer")

    apply_labels([make_label(make_decision()).id])

    with pytest.raises(FeatureStoreError):
        settle_features(LABELS_WRITER, store=Broken())

    store = MemoryStore()
    assert settle_features(LABELS_WRITER, store=store) == 1
    assert frauds_seen_by(store)[1] == 1.0


@pytest.mark.django_db(transaction=True)
def test_two_labels_of_one_payment_applied_at_once_count_once():
    decision = make_decision()
    ids = [make_label(decision, source=source).id for source in ("chargeback", "customer")]
    together = threading.Barrier(2)
    applied = []

    def apply(label_id: int) -> None:
        together.wait(5)
        try:
            applied.append(apply_labels([label_id]))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=apply, args=(label_id,)) for label_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    store = MemoryStore()
    settle_features(LABELS_WRITER, store=store)
    assert sorted(applied) == [0, 1]
    assert frauds_seen_by(store)[1] == 1.0
