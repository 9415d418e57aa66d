"""A payment that was let through without a part and is flagged when scored again: its case, feed entry and page."""

from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils.timezone import now

from cases import feed
from cases.models import Alert, Case, CaseEvent, FeedEntry
from cases.queries.feed import entries_after
from cases.services import alerts, verdicts
from cases.services.review_settings import change_settings
from cases.services.verdict_effects import settle_due
from scoring.features.definitions import VERSION
from scoring.models import Decision, Label, Outbox, Rescoring
from tests.factories import NOON, flag, make_decision, make_queue
from tests.scoring.ml_data import make_vector
from tests.scoring.payments import fields_of
from tests.timeless import without_instants

REASON = {"code": "velocity", "words": "9 payments in the last hour; 1 is usual", "contribution": 2.5}


def rescore(decision: Decision, **overrides) -> Decision:
    values = {
        "rescored_at": NOON, "outcome": "decline", "score": 0.97, "reasons": [REASON], "rule_hits": ["busy"],
        "features": make_vector(amount=7.0, card_count_1h=9.0).tobytes(), "feature_version": VERSION,
        "model_version": "m2", "policy_version": 3,
    }  # fmt: skip
    Rescoring.objects.create(decision=decision, **values | overrides)
    return decision


def let_through(**overrides) -> Decision:
    """A payment approved without features."""
    answered = {"outcome": "approve", "score": 0.04, "reasons": [], "degraded": ["features"], "amount": Decimal(200)}
    return make_decision(**answered | overrides)


@pytest.fixture
def found(db) -> Case:
    return flag(rescore(let_through(transaction_id="x")))


def page_of(client, case) -> str:
    return " ".join(client.get(case.get_absolute_url()).content.decode().split())


def test_it_opens_a_case_with_what_was_found(found):
    assert (found.stake, found.score, found.top_reason) == (Decimal(194), 0.97, REASON["words"])
    assert found.reason_codes == ["velocity", "let_through"]
    event = CaseEvent.objects.get(kind="opened")
    assert "Let through while the card's history could not be asked, scored again as decline: 200" in event.text


def test_it_joins_the_open_case_of_its_card(db):
    first = flag(make_decision())

    assert flag(rescore(let_through())) == first
    assert Case.objects.get().alert_count == 2


def test_it_is_opened_once_however_often_it_is_told(found):
    decision = Decision.objects.get(transaction_id="x")

    assert alerts.open_cases([decision.id], now=NOON) == []
    assert (Alert.objects.count(), FeedEntry.objects.count()) == (1, 1)


def test_what_was_found_to_be_good_opens_nothing(db):
    decision = rescore(let_through(), outcome="approve", score=0.01)

    assert alerts.open_cases([decision.id], now=NOON) == []


def test_queues_take_it_by_what_was_found(db):
    busy = make_queue("busy", condition="card_count_1h > 5 AND score > 0.9")

    assert flag(rescore(let_through(record=fields_of()))).queue == busy


def test_the_decision_stays_as_it_was_answered(found):
    stored = Decision.objects.get(transaction_id="x")

    assert (stored.outcome, stored.score, stored.reasons, stored.features) == ("approve", 0.04, [], b"")


def test_the_feed_shows_it_as_one_to_review_with_what_was_found(found, django_assert_num_queries):
    with django_assert_num_queries(1):
        (entry,) = entries_after(0, limit=10)
        told = feed.as_json(entry)
        to_review = feed.parse({"filter": {"outcome": ["review"], "min_stake": 190}})

        assert (told["outcome"], told["score"], told["reason"]) == ("review", 0.97, REASON["words"])
        assert feed.matches(entry, to_review)
        assert not feed.matches(entry, feed.parse({"filter": {"outcome": ["decline"]}}))


def test_the_live_page_shows_it(found, as_alice):
    shown = as_alice.get(reverse("live")).content.decode()

    assert "review</span>" in shown
    assert "declined</span>" not in shown
    assert REASON["words"] in shown


def test_the_page_says_what_was_answered_and_what_was_found(found, as_alice):
    shown = page_of(as_alice, found)

    assert "Answered <b>approve</b>, score 0.040; scored again" in shown
    assert "<b>decline</b>, score 0.970" in shown
    assert "without features" in shown
    assert "Let through while the card&#x27;s history could not be asked" in shown
    assert "again: decline" in shown


def test_reasons_open_their_numbers_as_they_were_found(found, as_alice):
    decision = Decision.objects.get(transaction_id="x")

    for place in (0, 1):
        url = reverse("reason_numbers", args=[found.id, decision.id, place])
        shown = as_alice.get(url, headers={"HX-Request": "true"})
        assert shown.status_code == 200
    assert "9" in as_alice.get(reverse("reason_numbers", args=[found.id, decision.id, 0])).content.decode()


def test_a_flagged_payment_shows_the_new_score_beside_the_answered_one(as_alice, db):
    case = flag(make_decision(degraded=["model"], score=None))
    rescore(Decision.objects.get(), score=0.31, outcome="approve", reasons=[])

    shown = page_of(as_alice, case)

    assert "Answered <b>review</b>, no score; scored again" in shown
    assert "<b>approve</b>, score 0.310" in shown
    assert case.top_reason in shown


def test_a_whole_decision_says_nothing_of_it(as_alice, case):
    assert "scored again" not in page_of(as_alice, case)


def test_a_hidden_score_stays_hidden(found, as_alice, alice):
    change_settings(values={}, displays={alice.id: "always"})

    shown = without_instants(page_of(as_alice, found))

    assert "scored again" in shown
    assert "0.970" not in shown
    assert "0.040" not in shown
    assert REASON["words"] not in shown


def test_the_printed_record_has_both(found, as_alice):
    printed = as_alice.get(reverse("print_case", args=[found.id])).content.decode()

    assert "0.0400" in printed
    assert "Scored again" in printed
    assert "0.9700" in printed


def test_the_payment_system_is_told_nothing_by_a_verdict(found, alice):
    Outbox.objects.all().delete()

    verdicts.record(case=found, analyst=alice, verdict="legitimate", typology="", note="", decided_at=NOON)
    settle_due(now=now())

    assert Label.objects.count() == 1
    assert not Outbox.objects.filter(topic=Outbox.Topic.VERDICTS).exists()
