"""What a batch declines counts for the card's next payments, wherever the batch begins."""

from decimal import Decimal

import pytest

from scoring.features.live import MemoryStore
from scoring.models import Decision as Recorded
from scoring.models import Outcome
from scoring.queries import features_of
from scoring.services import batch_engine
from scoring.services.policy import RuleDraft
from tests.factories import MINUTE, NOON
from tests.scoring.feature_writes_world import decide
from tests.scoring.payments import arrive, make_payment, publish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live")]


def test_declines_of_a_batch_are_seen_by_the_card_s_next_payments():
    publish(
        RuleDraft("huge", "amount > 5000", "decline", "x"),
        RuleDraft("tester", "card_decline_streak >= 2", "decline", "y"),
        based_on=1,
    )
    amounts = ["9000", "9000", "3", "4", "5"]
    sent = [make_payment(amount=Decimal(amount), occurred_at=NOON + MINUTE * i) for i, amount in enumerate(amounts)]
    sent.insert(3, make_payment(card_id="card-2", occurred_at=NOON + MINUTE * 2))

    decide(MemoryStore(), [arrive(payment) for payment in sent])

    mine = Recorded.objects.filter(card_id="card-1").order_by("id")
    assert [features_of(row)["card_decline_streak"] for row in mine] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert {row.outcome for row in mine} == {Outcome.DECLINE}
    assert Recorded.objects.get(card_id="card-2").outcome == Outcome.APPROVE


def test_a_card_that_is_tested_is_decided_in_a_few_rounds(monkeypatch):
    publish(
        RuleDraft("huge", "amount > 5000", "decline", "x"),
        RuleDraft("again", "card_decline_streak >= 1", "decline", "y"),
        based_on=1,
    )
    rounds = []
    decide_rows = batch_engine.decide
    monkeypatch.setattr(
        batch_engine, "decide", lambda *given, **options: rounds.append(1) or decide_rows(*given, **options)
    )
    sent = [make_payment(amount=Decimal(9000 if i == 3 else 2), occurred_at=NOON + MINUTE * i) for i in range(100)]

    decide(MemoryStore(), [arrive(payment) for payment in sent])

    streaks = [features_of(row)["card_decline_streak"] for row in Recorded.objects.order_by("id")]
    assert streaks == [0, 0, 0, *range(97)]
    assert Recorded.objects.filter(outcome=Outcome.DECLINE).count() == 97
    assert len(rounds) <= 4


@pytest.mark.parametrize("sizes", [[1] * 12, [5, 7], [12]])
def test_where_batches_begin_makes_no_difference_to_what_is_decided(sizes):
    publish(
        RuleDraft("odd", "amount > 100", "decline", "x"),
        RuleDraft("calm", "card_decline_streak = 1 AND amount > 1", "decline", "y"),
        based_on=1,
    )
    amounts = [200, 2, 1, 300, 400, 2, 3, 1, 1, 500, 6, 7]
    sent = [arrive(make_payment(amount=Decimal(a), occurred_at=NOON + MINUTE * i)) for i, a in enumerate(amounts)]
    store = MemoryStore()

    for size in sizes:
        decide(store, [sent.pop(0) for _ in range(size)])

    streaks = [features_of(row)["card_decline_streak"] for row in Recorded.objects.order_by("id")]
    assert streaks == [0, 1, 2, 0, 1, 2, 0, 0, 0, 0, 1, 2]
