"""Snoozing: the case leaves the queue for a while, and comes back by itself."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import connection
from django.urls import reverse
from django.utils.timezone import now

from cases import snooze as times
from cases.models import Case, CaseEvent, Handling
from cases.queries import queue as queue_queries
from cases.services import claims, snoozes, verdicts
from scoring.models import Label
from tests.factories import DAY, HOUR, MINUTE, NOON, flag, make_case, make_decision, make_user

HTMX = {"HX-Request": "true"}
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
    other = make_case()
    snooze(case, alice)

    def shown(view, at):
        return queue_queries.open_cases(view=view, user=alice, now=at).cases

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


def test_a_case_that_grew_since_the_analyst_looked_does_not_sleep(as_alice):
    case = flag(make_decision(occurred_at=now()), make_decision(occurred_at=now()), now=now())

    response = as_alice.post(
        reverse("snooze", args=[case.id]), {"until": "before_due", "reason": "kept words", "seen_alerts": 1}
    )

    text = response.content.decode()
    assert response.status_code == 422
    assert "has grown to 2 payments" in text
    assert 'name="seen_alerts" value="1"' in text
    assert "kept words" in text
    case.refresh_from_db()
    assert case.snoozed_until is None


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


# The page


@pytest.fixture
def url(case):
    return lambda name: reverse(name, args=[case.id])


def test_snoozing_on_the_page_goes_on_to_the_next_case(as_alice, alice, case, url):
    other = make_case()

    response = as_alice.post(url("snooze"), {"until": "hour", "reason": "<b>asked</b>"})

    assert response.url == other.get_absolute_url()
    case.refresh_from_db()
    assert case.is_snoozed(now())
    text = as_alice.get(url("case_detail")).content.decode()
    assert f"•••• {case.card_id[-4:]}: snoozed until" in text
    assert "Snoozed until" in text
    assert "&lt;b&gt;asked&lt;/b&gt;" in text
    assert "Wake it" in text
    assert f'hx-post="{url("look")}"' in text
    assert url("snooze") not in text


def test_a_dialog_goes_on_by_telling_the_browser_where(as_alice, case, url):
    response = as_alice.post(url("snooze"), {"until": "hour", "reason": "x"}, headers=HTMX)

    assert response.headers["HX-Redirect"] == reverse("queue")


def test_a_date_may_be_written(as_alice, case, url):
    until = (now() + HOUR).replace(second=0, microsecond=0)

    as_alice.post(url("snooze"), {"until": "at", "at": f"{until:%Y-%m-%dT%H:%M}", "reason": "x"})

    case.refresh_from_db()
    assert case.snoozed_until == until


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Choose a time."),
        ({"until": "hour"}, "Say why"),
        ({"until": "hour", "reason": " "}, "Say why"),
        ({"until": "hour", "reason": "\0"}, "Null characters"),
        ({"until": "hour", "reason": "x" * 501}, "at most 500"),
        ({"until": "never", "reason": "x"}, "not one of the available"),
        ({"until": "at", "reason": "x"}, "Write a date"),
        ({"until": "at", "at": "soon", "reason": "x"}, "Write it like"),
        ({"until": "at", "at": "2020-01-01T00:00", "reason": "x"}, "has passed"),
        ({"until": "tomorrow", "reason": "kept words"}, "ask a lead"),
    ],
)
def test_a_bad_snooze_changes_nothing_and_loses_nothing(as_alice, case, url, given, said, headers):
    response = as_alice.post(url("snooze"), given, headers=headers)

    text = response.content.decode()
    assert response.status_code == 422
    assert said in text
    assert given.get("reason", "").strip("\0 ") in text
    assert ("<html" in text) is not bool(headers)
    case.refresh_from_db()
    assert case.snoozed_until is None


def test_waking_returns_to_the_case(as_alice, alice, case, url):
    snooze(case, alice, at=now(), until=now() + HOUR)

    assert as_alice.post(url("wake")).url == case.get_absolute_url()
    case.refresh_from_db()
    assert not case.is_snoozed(now())
    assert "was awake already" in as_alice.post(url("wake"), follow=True).content.decode()


def test_skipping_a_case_that_sleeps_says_so_and_goes_on(as_alice, bob, case, url):
    other = make_case()
    snooze(case, bob, at=now(), until=now() + HOUR)

    response = as_alice.post(url("skip"), {"note": ""}, follow=True)

    assert response.redirect_chain[-1][0] == other.get_absolute_url()
    assert "The case is snoozed until" in response.content.decode()


def test_the_queue_counts_and_shows_the_snoozed(as_alice, bob, case):
    snooze(case, bob, at=now(), until=now() + HOUR)

    text = as_alice.get("/queue/?view=snoozed").content.decode()

    assert "<title>(0) Queue" in text
    assert 'data-view-count="snoozed">1<' in text
    assert "until <time" in text


def test_a_case_past_due_offers_an_analyst_no_time(as_alice, client):
    late = make_case(due_at=now() - timedelta(hours=1))

    assert "no time left to sleep" in as_alice.get(reverse("snooze", args=[late.id])).content.decode()
    client.force_login(make_user("lead"))
    assert "in 1 hour" in client.get(reverse("snooze", args=[late.id])).content.decode()


def test_events_of_sleep_have_their_words(as_alice, alice, case):
    snooze(case, alice, at=now(), until=now() + HOUR)
    snoozes.wake(case=case, actor=alice, now=now())

    text = as_alice.get(reverse("case_history", args=[case.id])).content.decode()

    assert "<b>Snoozed</b> by Alice" in text
    assert "<b>Awake</b> by Alice" in text
    assert CaseEvent.objects.filter(case=case, kind="woken").count() == 1
    assert Case.objects.get(id=case.id).snoozed_until is None
