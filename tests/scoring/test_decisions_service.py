"""From arrival to recorded decision: once, whole, and the same when it comes again."""

from datetime import timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest

from scoring.features.definitions import INDEX, NAMES, VERSION
from scoring.features.events import FraudKnown, Payment
from scoring.features.live import MemoryStore, Pending
from scoring.ml.line_up import LineUp
from scoring.models import Decision, Outbox, PendingFeatures
from scoring.queries import as_recorded, features_of, transaction_of
from scoring.services import decisions
from scoring.services.decisions import decide_transactions
from scoring.services.features import KnownFraud
from scoring.transaction import encode
from tests.factories import HOUR, MINUTE, NOON
from tests.scoring.payments import STREAM, AmountModel, arrive, make_payment, writer


@pytest.fixture
def model(monkeypatch) -> AmountModel:
    model = AmountModel()
    monkeypatch.setattr(decisions, "line_up", lambda: LineUp(model))
    return model


def rows() -> list[dict]:
    return list(Decision.objects.order_by("id").values())


def test_a_decision_is_recorded_whole(live, model):
    store = MemoryStore()
    sent = make_payment(
        transaction_id="whole", amount=Decimal("1234.5678"), currency="SEK", customer_id="c-1",
        ip_address="2001:db8::1", merchant_name="Café", merchant_category="5732", billing_country="FR",
        latitude=59.33, longitude=18.06, extra={"basket": [1, 2.5, {"k": None}]},
    )  # fmt: skip

    (result,) = decide_transactions([arrive(sent, position=7, at=NOON + MINUTE)], writer=writer(store))

    row = Decision.objects.get(transaction_id="whole")
    assert result.is_new
    assert result.decision == as_recorded(row)
    assert transaction_of(row) == sent
    assert encode(transaction_of(row)) == encode(sent)
    assert (row.amount, row.currency, row.card_id, row.merchant_id) == (sent.amount, "SEK", "card-1", "m-1")
    assert (row.customer_id, row.device_id, row.ip_address) == ("c-1", "d-1", "2001:db8::1")
    assert (row.merchant_name, row.merchant_category) == ("Café", "5732")
    assert (row.occurred_at, row.received_at) == (NOON, NOON + MINUTE)
    assert (row.source, row.position) == (STREAM, "7")
    assert (row.policy_version, row.model_version, row.feature_version) == (live.version, "by-amount", VERSION)
    assert row.outcome == "decline"
    assert row.score == 1.0
    assert row.rule_hits == ["large"]
    assert row.reasons[0] == {"code": "large", "words": "The amount is 1,234.57 SEK"}
    assert row.degraded == []
    assert not row.is_late
    vector = np.frombuffer(row.features, np.float32)
    assert vector.tobytes() == Pending(MemoryStore(), [Payment(sent, NOON + MINUTE)]).vectors.tobytes()
    assert list(features_of(row)) == list(NAMES)
    assert features_of(row)["card_km"] is None


def test_a_late_payment_is_marked(live):
    decide_transactions([arrive(make_payment(), at=NOON + HOUR)], writer=writer())

    assert Decision.objects.get().is_late


def test_the_same_payment_again_gets_the_stored_decision_and_changes_nothing(live):
    store = MemoryStore()
    sent = make_payment()
    (first,) = decide_transactions([arrive(sent)], writer=writer(store))
    before, states, effects = rows(), dict(store.states), Outbox.objects.count()

    (second,) = decide_transactions([arrive(sent, at=NOON + HOUR)], writer=writer(store))

    assert second.decision == first.decision
    assert not second.is_new
    assert (rows(), store.states, Outbox.objects.count()) == (before, states, effects)


def test_another_way_to_write_the_same_payment_is_the_same(live):
    sent = make_payment(transaction_id="x", amount=Decimal("10.0"), extra={"a": 1, "b": [1.5, 1e15]})
    decide_transactions([arrive(sent)], writer=writer())
    local = NOON.astimezone(timezone(timedelta(hours=5)))
    again = make_payment(
        transaction_id="x", amount=Decimal("10.00"), occurred_at=local, extra={"b": [1.5, 1e15], "a": 1}
    )

    (result,) = decide_transactions([arrive(again)], writer=writer())

    assert result.decision is not None
    assert not result.is_new


@pytest.mark.parametrize(
    "change",
    [
        {"amount": Decimal("12.51")}, {"card_id": "card-2"}, {"device_id": None}, {"extra": {"a": 1}},
        {"occurred_at": NOON + timedelta(microseconds=1)}, {"latitude": 1.0, "longitude": 1.0},
    ],
)  # fmt: skip
def test_other_content_under_a_decided_id_is_a_conflict_and_changes_nothing(live, change):
    store = MemoryStore()
    decide_transactions([arrive(make_payment(transaction_id="x"))], writer=writer(store))
    before, states, effects = rows(), dict(store.states), Outbox.objects.count()
    told = []

    (result,) = decide_transactions(
        [arrive(make_payment(transaction_id="x", **change))], writer=writer(store, before_commit=told.extend)
    )

    assert result.decision is None
    assert told == [result.arrival]
    assert (rows(), store.states, Outbox.objects.count()) == (before, states, effects)


def test_a_batch_decides_each_id_once_and_answers_every_arrival(live):
    store = MemoryStore()
    first, other = make_payment(transaction_id="x"), make_payment(transaction_id="y")
    changed = make_payment(transaction_id="x", amount=Decimal("99"))

    results = decide_transactions([arrive(p) for p in (first, other, first, changed)], writer=writer(store))

    assert [result.is_new for result in results] == [True, True, False, False]
    assert results[2].decision == results[0].decision
    assert results[3].decision is None
    assert Decision.objects.count() == 2
    assert Pending(store, [Payment(first, NOON)]).vectors[0, INDEX["card_count_1h"]] == 2.0


def test_later_payments_of_a_batch_see_earlier_ones(live):
    decide_transactions([arrive(make_payment()) for _ in range(3)], writer=writer())

    assert [features_of(row)["card_count_1h"] for row in Decision.objects.order_by("id")] == [0.0, 1.0, 2.0]


def test_flagged_decisions_leave_an_alert_and_all_leave_a_message(live):
    amounts = ["1", "2000", "9000"]
    results = decide_transactions([arrive(make_payment(amount=Decimal(a))) for a in amounts], writer=writer())

    assert [result.decision.outcome for result in results] == ["approve", "review", "decline"]
    ids = list(Decision.objects.order_by("id").values_list("id", flat=True))
    assert dict(Outbox.objects.values_list("topic", "ids")) == {"decisions": ids, "alerts": ids[1:]}


def test_a_writer_without_effects_leaves_none(live):
    decide_transactions([arrive(make_payment(amount=Decimal(9000)))], writer=writer(has_effects=False))

    assert not Outbox.objects.exists()


def test_frauds_learnt_on_the_way_count_for_later_payments_only(live):
    sent = [make_payment(occurred_at=NOON + MINUTE * i) for i in range(3)]

    known = FraudKnown(known_at=NOON + MINUTE, amount=Decimal(20), card_id="card-1", merchant_id="m-1", device_id="d-1")

    decide_transactions([arrive(p) for p in sent], writer=writer(), learnt=[KnownFraud(7, known)])

    assert [features_of(row)["device_frauds_30d"] for row in Decision.objects.order_by("id")] == [0.0, 1.0, 1.0]
    assert PendingFeatures.objects.get().label_ids == [7]


def test_the_number_of_queries_does_not_grow_with_the_batch(live, django_assert_num_queries):
    def count(size: int) -> int:
        arrivals = [arrive(make_payment()) for _ in range(size)]
        # Without a model, so one of them notes what is to be scored again.
        with django_assert_num_queries(8) as queries:
            decide_transactions(arrivals, writer=writer())
        return len(queries)

    decide_transactions([arrive(make_payment())], writer=writer())

    assert count(2) == count(40)
