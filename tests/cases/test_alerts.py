"""Opening cases from flagged decisions, and the numbers of the feed."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection

from cases import live
from cases.models import Alert, Case, CaseEvent, FeedEntry
from cases.services import alerts, verdict_effects, verdicts
from scoring.models import Label, Outcome
from tests.factories import HOUR, MINUTE, NOON, flag, make_decision, make_user


def in_threads(*calls):
    """Run the calls at the same time, each on its own connection; returns results or exceptions."""

    def run(call):
        try:
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_a_flagged_decision_opens_a_case(db):
    decision = make_decision(amount=Decimal(200), score=0.9)

    (entry,) = alerts.open_cases([decision.id], now=NOON)

    case = entry.case
    assert (case.card_id, case.status, case.alert_count) == (decision.card_id, "open", 1)
    assert (case.stake, case.amount, case.score) == (Decimal(180), Decimal(200), 0.9)
    assert case.top_reason == "7 payments in the last hour; 1 is usual"
    assert case.due_at == NOON + HOUR
    assert entry.seq == 1
    assert case.events.get().kind == CaseEvent.Kind.OPENED


def test_a_second_alert_of_the_card_joins_its_open_case(db):
    small = make_decision(amount=Decimal(10), score=0.5)
    large = make_decision(amount=Decimal(100), score=0.8, reasons=[{"code": "x", "words": "Larger"}])
    first = flag(small)

    second = flag(large, now=NOON + MINUTE)

    assert second == first
    case = Case.objects.get()
    assert (case.alert_count, case.stake, case.amount, case.top_reason) == (
        2,
        Decimal(85),
        Decimal(100),
        "Larger",
    )
    assert case.due_at == NOON + HOUR
    assert [event.kind for event in case.events.order_by("id")] == ["opened", "joined"]


def test_a_smaller_alert_does_not_take_the_headline(db):
    flag(make_decision(amount=Decimal(100), score=0.8))

    flag(make_decision(amount=Decimal(10), score=0.9))

    assert Case.objects.get().amount == Decimal(100)


def test_alerts_of_one_card_in_one_call_share_a_case(db):
    decisions = [make_decision(amount=Decimal(10 * n), score=0.5) for n in (1, 3, 2)]

    flag(*decisions)

    case = Case.objects.get()
    assert (case.alert_count, case.stake, case.amount) == (3, Decimal(30), Decimal(30))


def test_approved_decisions_open_nothing(db):
    decision = make_decision(outcome=Outcome.APPROVE)

    assert alerts.open_cases([decision.id], now=NOON) == []
    assert not Case.objects.exists()


def test_a_second_call_with_the_same_ids_changes_nothing(db):
    ids = [make_decision().id, make_decision(card_id="other").id]
    alerts.open_cases(ids, now=NOON)
    before = list(Case.objects.order_by("card_id").values())

    assert alerts.open_cases(ids, now=NOON + HOUR) == []

    assert list(Case.objects.order_by("card_id").values()) == before
    assert CaseEvent.objects.count() == FeedEntry.objects.count() == Alert.objects.count() == 2


def test_a_decision_without_a_score_weighs_half(db):
    assert flag(make_decision(amount=Decimal(50), score=None)).stake == Decimal(25)


def test_a_decided_case_is_not_joined(db):
    decided = flag(make_decision())
    verdicts.record(case=decided, analyst=make_user(), verdict="fraud", typology="", note="", decided_at=NOON)

    assert flag(make_decision()) != decided
    assert Case.objects.filter(status="open").count() == 1


def test_the_feed_is_nudged_once_the_cases_are_stored(db, django_capture_on_commit_callbacks, monkeypatch):
    nudged = []
    monkeypatch.setattr(live, "push_feed", nudged.append)

    with django_capture_on_commit_callbacks(execute=True):
        alerts.open_cases([make_decision().id, make_decision().id], now=NOON)

    assert nudged == [2]


def test_a_channel_layer_that_is_down_does_not_fail_the_push(settings, caplog):
    layer = settings.CHANNEL_LAYERS["default"] | {"CONFIG": {"hosts": ["redis://127.0.0.1:1/0"]}}
    settings.CHANNEL_LAYERS = {"default": layer}

    live.push_feed(7)

    assert "not nudged to 7" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_numbers_have_no_gaps_when_many_write_at_once():
    ids = [make_decision(card_id=f"card-{n % 3}").id for n in range(24)]
    # Every id is sent twice, in other company.
    groups = [ids[n::4] for n in range(4)] + [ids[n * 6 : n * 6 + 6] for n in range(4)]

    results = in_threads(*[lambda group=group: alerts.open_cases(group, now=NOON) for group in groups])

    assert not [result for result in results if isinstance(result, Exception)]
    assert list(FeedEntry.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 25))
    assert sorted(Case.objects.values_list("alert_count", flat=True)) == [8, 8, 8]
    assert sum(Case.objects.values_list("stake", flat=True)) == 24 * Decimal("1186.55")


@pytest.mark.django_db(transaction=True)
def test_an_alert_that_joins_during_a_verdict_is_not_lost():
    alice = make_user()
    for round_number in range(8):
        card = f"card-{round_number}"
        case = flag(make_decision(card_id=card))
        late = make_decision(card_id=card)

        results = in_threads(
            lambda case=case: verdicts.record(
                case=case, analyst=alice, verdict="fraud", typology="", note="", decided_at=NOON
            ),
            lambda late=late: alerts.open_cases([late.id], now=NOON),
        )

        assert not [result for result in results if isinstance(result, Exception)]
        verdict_effects.settle_due(now=NOON + MINUTE)
        home = late.alert.case
        is_labelled = Label.objects.filter(decision=late).exists()
        assert is_labelled == (home.status == "decided"), "either labelled with the case or waiting in a new one"
