"""Who decides: drawn by card, followed within seconds, and no decision is made by parts of two models."""

import logging
from decimal import Decimal

import pytest
from django.db import connection

from scoring.features.live import MemoryStore
from scoring.metrics import MODELS_REFUSED
from scoring.ml.line_up import LineUp, is_drawn
from scoring.models import Decision, ModelVersion
from scoring.services import line_up as service
from scoring.services.decisions import Writer, decide_transactions
from scoring.services.line_up import line_up, recheck_models
from scoring.services.model_stages import set_challenger
from scoring.services.reproduction import reproduce
from tests.factories import NOON, make_user
from tests.scoring.model_world import make_champion, make_model
from tests.scoring.payments import arrive, make_payment, publish, tampering

CARDS = [f"card-{number}" for number in range(20_000)]


# --- who is drawn --------------------------------------------------------------------------------------------------


def test_a_card_is_always_drawn_the_same_way():
    assert [is_drawn(card, salt="m-1", share=0.3) for card in CARDS[:8]] == [
        False, False, False, False, False, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_about_the_share_of_the_cards_is_drawn(share):
    drawn = sum(is_drawn(card, salt="m-1", share=share) for card in CARDS)

    assert abs(drawn / len(CARDS) - share) < 4 * (share * (1 - share) / len(CARDS)) ** 0.5


def test_a_larger_share_holds_the_cards_of_a_smaller():
    small = {card for card in CARDS if is_drawn(card, salt="m-1", share=0.1)}

    assert small < {card for card in CARDS if is_drawn(card, salt="m-1", share=0.2)}


def test_successive_challenges_draw_independently_of_each_other():
    first = {card for card in CARDS if is_drawn(card, salt="m-1", share=0.5)}
    both = sum(is_drawn(card, salt="m-2", share=0.5) for card in first)

    assert abs(both / len(first) - 0.5) < 4 * (0.25 / len(first)) ** 0.5


def test_each_row_is_one_models():
    models = LineUp("champion", "challenger", 0.5, salt="x")

    parts = dict(models.split(CARDS[:100]))

    assert sorted(parts["champion"] + parts["challenger"]) == list(range(100))
    assert all(is_drawn(CARDS[row], salt="x", share=0.5) for row in parts["challenger"])


def test_without_a_challenger_all_rows_are_the_champions():
    assert LineUp("champion").split(CARDS[:3]) == [("champion", [0, 1, 2])]
    assert LineUp("champion").split([]) == []


# --- who decides ---------------------------------------------------------------------------------------------------


@pytest.fixture
def challenged(db) -> ModelVersion:
    """Half of the cards are a challenger's."""
    publish(review=0.7, decline=0.95)
    make_champion()
    make_model(seed=5)
    challenger = set_challenger("m-1", 0.5, by=make_user("manager"), at=NOON)
    recheck_models()
    return challenger


def decide_cards(count: int = 40, *, prefix: str = "card", writer: str = "stream:x") -> list[Decision]:
    sent = [make_payment(card_id=f"{prefix}-{number % 20}", amount=Decimal(number * 3 + 1)) for number in range(count)]
    decide_transactions([arrive(one) for one in sent], writer=Writer(writer, MemoryStore()))
    names = [one.transaction_id for one in sent]
    return list(Decision.objects.filter(transaction_id__in=names).order_by("id"))


def test_a_card_is_decided_by_its_model_on_each_way_and_each_decision_can_be_made_again(challenged):
    streamed, called = decide_cards(), decide_cards(writer="api")

    for row in streamed + called:
        is_challengers = is_drawn(row.card_id, salt="m-1", share=0.5)
        assert row.model_version == ("m-1" if is_challengers else "m-0")
    assert {row.model_version for row in streamed} == {"m-0", "m-1"}
    assert [one.same for one in reproduce(streamed + called)] == [True] * 80


def test_a_payment_by_itself_and_in_a_batch_is_decided_by_the_same_model(challenged):
    batch = {row.card_id: row.model_version for row in decide_cards(20)}

    alone = [decide_cards(number + 1)[-1] for number in range(0, 20, 4)]

    assert [batch[row.card_id] for row in alone] == [row.model_version for row in alone]


def test_the_challengers_cards_are_the_champions_where_it_cannot_be_loaded(challenged, caplog):
    refused = MODELS_REFUSED.labels("challenger")._value.get()
    with tampering():
        ModelVersion.objects.filter(version="m-1").update(artefact=b"damaged")
    service.forget_champion()

    with caplog.at_level(logging.ERROR):
        rows = decide_cards()

    assert {(row.model_version, tuple(row.degraded)) for row in rows} == {("m-0", ())}
    assert "refused as challenger: model m-1" in caplog.text
    assert MODELS_REFUSED.labels("challenger")._value.get() == refused + 1


def test_no_challenger_decides_without_a_champion(db):
    publish()
    make_model(stage="challenger", share=0.5)

    assert line_up() == LineUp(None)


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """Seconds, as the line-up reads them."""
    now = [1000.0]
    monkeypatch.setattr(service.time, "monotonic", lambda: now[0])
    return now


def test_a_challenger_is_followed_within_two_seconds_and_so_is_its_share(challenged, clock):
    before = line_up()
    ModelVersion.objects.filter(version="m-1").update(share=0.25)
    assert line_up() is before
    clock[0] += 2.1
    assert (line_up().share, line_up().challenger) == (0.25, before.challenger)

    ModelVersion.objects.filter(version="m-1").update(stage="candidate", share=None)
    clock[0] += 2.1

    assert line_up() == LineUp(before.champion)


def test_a_challenger_that_is_promoted_is_not_loaded_again(challenged, clock, django_assert_num_queries):
    challenger = line_up().challenger
    with tampering(), connection.cursor() as cursor:
        cursor.execute("UPDATE scoring_modelversion SET stage = 'retired' WHERE version = 'm-0'")
        cursor.execute("UPDATE scoring_modelversion SET stage = 'champion', share = NULL WHERE version = 'm-1'")
    clock[0] += 2.1

    with django_assert_num_queries(1):
        assert line_up() == LineUp(challenger)
