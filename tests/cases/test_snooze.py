"""Snoozing: the case leaves the queue for a while, and comes back by itself."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import connection
from django.utils.timezone import now

from cases import snooze as times
from cases.board import Wish
from cases.models import Handling
from cases.queries import queue as queue_queries
from cases.services import claims, snoozes, verdict_effects, verdicts
from scoring.models import Label
from tests.factories import DAY, HOUR, MINUTE, NOON, flag, make_case, make_decision, make_user

REASON = "waits for a call back"


@pytest.fixture
def case(db):
    """The case with the most at stake: what "next" would hand out. It is due in two hours, now and at noon."""
    return make_case(stake=Decimal(9000), due_at=max(now(), NOON) + 2 * HOUR)


def snooze(case, analyst, *, until=NOON + HOUR, reason=REASON, at=NOON, **may):
    snoozes.snooze(case=case, analyst=analyst, until=until, reason=reason, now=at, **may)


def told(case):
    """The history as (kind, who, text), oldest first."""
    events = case.events.exclude(kind__in=["opened", "viewed"]).order_by("id")
    return [(event.kind, event.actor and event.actor.username, event.text) for event in events]


def decide(case, analyst, *, at=NOON):
    return verdicts.record(case=case, analyst=analyst, verdict="fraud", typology="", note="", decided_at=at)


def test_a_snoozed_case_ends_its_handling_and_says_until_when_and_why(alice, case):
    claims.claim(case=case, analyst=alice, now=NOON)

    snooze(case, alice, at=NOON + MINUTE)

    case.refresh_from_db()
    assert (case.status, case.claimed_by, case.snoozed_until) == ("open", None, NOON + HOUR)
    assert case.handlings.get().ending == Handling.Ending.SNOOZED
    assert told(case)[1:] == [("snoozed", "alice", "until 20 Nov 2026 13:00 UTC: waits for a call back")]


def test_a_snoozed_case_is_handed_to_nobody_until_its_time(alice, bob, case):
    snooze(case, alice)

    assert claims.claim_next(analyst=bob, now=NOON + HOUR - MINUTE) is None
    assert claims.claim_next(analyst=bob, now=NOON + HOUR) == case


def test_a_snoozed_case_stands_in_its_own_view_alone(alice, case):
    other = make_case(due_at=case.due_at)
    snooze(case, alice)

    def shown(view, at):
        return queue_queries.open_cases(wish=Wish(view=view), user=alice, now=at).cases

    assert shown("all", NOON) == [other]
    assert shown("free", NOON) == [other]
    assert shown("snoozed", NOON) == [case]
    assert shown("all", NOON + HOUR) == [case, other]
    assert shown("snoozed", NOON + HOUR) == []


def test_an_open_page_does_not_wake_it(alice, bob, case):
    snooze(case, alice)

    for analyst in (alice, bob):
        with pytest.raises(claims.SnoozedError):
            claims.claim(case=case, analyst=analyst, now=NOON + MINUTE)
        with pytest.raises(claims.SnoozedError):
            claims.claim(case=case, analyst=analyst, now=NOON + MINUTE, is_renewal=True)


def test_the_clock_wakes_it_once_and_the_history_says_so(alice, case):
    snooze(case, alice)

    assert snoozes.wake_due(now=NOON + HOUR - MINUTE) == 0
    assert snoozes.wake_due(now=NOON + HOUR) == 1
    assert snoozes.wake_due(now=NOON + HOUR) == 0
    case.refresh_from_db()
    assert case.snoozed_until is None
    assert told(case)[-1] == ("woken", None, "the time was over")


def test_somebody_wakes_it_before(alice, bob, case):
    snooze(case, alice)

    assert snoozes.wake(case=case, actor=bob, now=NOON + MINUTE)
    assert not snoozes.wake(case=case, actor=bob, now=NOON + MINUTE)

    assert told(case)[-1] == ("woken", "bob", "")
    assert claims.claim_next(analyst=alice, now=NOON + MINUTE) == case


def test_a_new_payment_of_the_card_wakes_it_at_once(alice):
    case = flag(make_decision())
    snooze(case, alice, until=NOON + 30 * MINUTE)

    flag(make_decision(), now=NOON + MINUTE)

    case.refresh_from_db()
    assert case.snoozed_until is None
    assert [event[0] for event in told(case)][-2:] == ["joined", "woken"]
    assert claims.claim_next(analyst=alice, now=NOON + MINUTE) == case


def test_a_payment_that_joins_a_case_that_is_awake_wakes_nothing(alice):
    case = flag(make_decision(), make_decision())

    assert "woken" not in [event[0] for event in told(case)]


def test_the_time_it_is_due_stays_and_only_a_lead_sleeps_past_it(alice, bob, case):
    late = case.due_at + MINUTE

    with pytest.raises(times.SnoozeTimeError, match="ask a lead"):
        snooze(case, alice, until=late)
    assert not case.handlings.exists()

    snooze(case, bob, until=late, may_pass_due=True)
    before = case.due_at
    case.refresh_from_db()
    assert (case.due_at, case.snoozed_until) == (before, late)


@pytest.mark.parametrize(("until", "said"), [(NOON, "has passed"), (NOON + 32 * DAY, "31 days")])
def test_a_time_that_is_no_time_to_sleep_is_refused(bob, case, until, said):
    with pytest.raises(times.SnoozeTimeError, match=said):
        snooze(case, bob, until=until, may_pass_due=True)

    case.refresh_from_db()
    assert case.snoozed_until is None
    assert told(case) == []


def test_what_is_past_due_is_the_leads_to_snooze(alice):
    late = make_case(due_at=NOON - MINUTE)

    with pytest.raises(times.SnoozeTimeError, match="past due"):
        snooze(late, alice)


def test_a_case_of_somebody_else_is_not_snoozed(alice, bob, case):
    claims.claim(case=case, analyst=bob, now=NOON)

    with pytest.raises(claims.ClaimedByOtherError):
        snooze(case, alice)


def test_a_case_that_sleeps_is_not_snoozed_again(alice, case):
    snooze(case, alice)

    with pytest.raises(claims.SnoozedError):
        snooze(case, alice, until=NOON + 90 * MINUTE)


def test_a_decided_case_is_not_snoozed_and_a_verdict_ends_the_sleep(alice, case):
    snooze(case, alice)

    decide(case, alice)

    case.refresh_from_db()
    assert (case.status, case.snoozed_until) == ("decided", None)
    with pytest.raises(claims.NotOpenError):
        snooze(case, alice)


@pytest.mark.django_db(transaction=True)
def test_of_a_verdict_and_a_snooze_at_once_the_verdict_stands():
    alice, case = make_user(), make_case()
    claims.claim(case=case, analyst=alice, now=NOON)
    together = Barrier(2)

    def work(act):
        try:
            together.wait()
            act()
        except (claims.NotOpenError, claims.SnoozedError) as refusal:
            return type(refusal)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(work, act) for act in (lambda: decide(case, alice), lambda: snooze(case, alice))]
        refused = [job.result() for job in jobs]

    case.refresh_from_db()
    assert (case.status, case.verdict, case.snoozed_until, case.claimed_by) == ("decided", "fraud", None, None)
    assert refused in ([None, None], [None, claims.NotOpenError])
    assert case.handlings.get().ending == ("snoozed" if refused[1] is None else "verdict")
    verdict_effects.settle_due(now=NOON + MINUTE)
    assert Label.objects.count() == 1


def test_the_offered_times_say_which_are_past_due():
    offered = times.choices(now=NOON, due_at=NOON + 2 * HOUR, may_pass_due=False)

    assert [(choice.name, choice.until - NOON, choice.is_past_due) for choice in offered] == [
        ("hour", HOUR, False),
        ("before_due", 110 * MINUTE, False),
        ("tonight", 8 * HOUR, True),
        ("tomorrow", 21 * HOUR, True),
    ]
    leads = times.choices(now=NOON, due_at=NOON + 2 * HOUR, may_pass_due=True)
    assert not any(choice.is_past_due for choice in leads)


def test_a_time_that_has_passed_is_not_offered():
    offered = times.choices(now=NOON + 9 * HOUR, due_at=NOON, may_pass_due=True)

    assert [choice.name for choice in offered] == ["hour", "tomorrow"]
