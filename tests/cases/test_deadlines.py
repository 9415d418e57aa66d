"""What the clock does: warnings, and what happens when the time is up."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils.timezone import now

from cases import live
from cases.models import Case, Handling, Queue
from cases.services import claims, deadlines, reopening, verdict_effects, verdicts
from cases.tasks import watch_deadlines
from scoring.models import Label
from tests.cases.test_alerts import in_threads
from tests.cases.test_verdict_effects import messages
from tests.factories import DAY, HOUR, MINUTE, NOON, make_case, make_decision, make_queue, make_user

pytestmark = pytest.mark.django_db
LEASE = timedelta(seconds=settings.CLAIM_LEASE_SECONDS)
DUE = NOON + HOUR


@pytest.fixture
def leads(bob):
    return make_queue("seniors", members=[bob], takes_new=False, sla_minutes=240, half_life_minutes=90)


@pytest.fixture
def told(monkeypatch):
    """What browsers are told of queues."""
    found = []
    monkeypatch.setattr(live, "push_queues", lambda due, minutes=0: found.append((due, minutes)))
    return found


def state_of(case):
    case.refresh_from_db()
    return case.queue.slug, case.status, case.due_at


def events_of(case, kind):
    return list(case.events.filter(kind=kind).values_list("actor__username", "text"))


# --- warnings ---


def test_a_case_is_warned_of_once_when_little_time_is_left(told, django_capture_on_commit_callbacks):
    queue = make_queue(warn_minutes=10)
    case = make_case(queue=queue)

    with django_capture_on_commit_callbacks(execute=True):
        assert deadlines.watch_deadlines(now=DUE - 11 * MINUTE) == 0
        assert deadlines.watch_deadlines(now=DUE - 9 * MINUTE) == 1
        assert deadlines.watch_deadlines(now=DUE - 8 * MINUTE) == 0

    assert events_of(case, "warned") == [(None, "Due in 9 min")]
    assert told == [({queue.id: 1}, 10)]
    case.refresh_from_db()
    assert case.warned_at == DUE - 9 * MINUTE


def test_a_queue_without_a_warning_gives_none(told):
    make_case(queue=make_queue(warn_minutes=0))

    assert deadlines.watch_deadlines(now=DUE - MINUTE) == 0


def test_a_decided_case_is_not_warned_of(alice, told):
    case = make_case()
    verdicts.record(case=case, analyst=alice, verdict="fraud", typology="", note="", decided_at=NOON)

    assert deadlines.watch_deadlines(now=DUE - MINUTE) == 0


def test_the_queue_shows_who_was_warned_of(client, alice):
    make_case(due_at=now() + 5 * MINUTE)
    make_case(due_at=now() + HOUR)

    watch_deadlines()

    client.force_login(alice)
    assert client.get("/queue/").content.decode().count('class="mark warned"') == 1


# --- when the time is up ---


def test_without_an_action_it_stays_and_is_warned_of_no_more(told):
    case = make_case(queue=make_queue())

    assert deadlines.watch_deadlines(now=DUE + MINUTE) == 0

    assert state_of(case) == ("large", "open", DUE)


def test_it_is_escalated_with_the_other_queues_time(leads, told):
    case = make_case(queue=make_queue(on_timeout="escalate", escalates_to=leads))

    assert deadlines.watch_deadlines(now=DUE) == 1
    assert deadlines.watch_deadlines(now=DUE) == 0

    assert state_of(case) == ("seniors", "open", DUE + 4 * HOUR)
    assert (case.escalated_at, case.half_life_minutes, case.warned_at) == (DUE, 90, None)
    assert events_of(case, "escalated") == [(None, "To Seniors: nobody decided it in time")]


def test_a_disabled_queue_is_escalated_to_by_nobody(leads, caplog):
    case = make_case(queue=make_queue(on_timeout="escalate", escalates_to=leads))
    Queue.objects.filter(id=leads.id).update(is_enabled=False)

    assert deadlines.watch_deadlines(now=DUE) == 0

    assert state_of(case) == ("large", "open", DUE)
    assert "its next queue is disabled" in caplog.text


def test_it_is_decided_by_default_and_teaches_nobody(client, alice):
    case = make_case(queue=make_queue(on_timeout="decide", default_verdict="legitimate"))

    assert deadlines.watch_deadlines(now=DUE) == 1
    assert deadlines.watch_deadlines(now=DUE) == 0

    case.refresh_from_db()
    assert (case.status, case.verdict, case.decided_by, case.decided_at) == ("decided", "legitimate", None, DUE)
    assert not Label.objects.exists()
    text = "Legitimate by the clock, nobody decided it in time: nothing labelled, 1 payment released"
    assert events_of(case, "verdict") == [(None, text)]
    client.force_login(alice)
    assert "by the clock" in client.get(case.get_absolute_url()).content.decode()
    answer = client.post(f"{case.get_absolute_url()}verdict/", {"verdict": "fraud"})
    assert "decided by the clock, legitimate" in answer.content.decode()


@pytest.mark.parametrize(("verdict", "action"), [("fraud", "refuse"), ("legitimate", "release")])
def test_the_payment_system_is_told_what_the_clock_decided_of_held_payments(verdict, action):
    held = make_decision()
    queue = make_queue(on_timeout="decide", default_verdict=verdict)
    case = make_case(queue=queue, decisions=[held, make_decision(outcome="decline")])
    declined = make_case(queue=queue, decisions=[make_decision(card_id="card-2", outcome="decline")])

    deadlines.watch_deadlines(now=DUE)

    message = {"transaction_id": held.transaction_id, "case_id": str(case.id), "verdict": verdict, "action": action}
    assert messages() == [(case.card_id, message | {"decided_at": "2026-11-20T13:00:00Z", "by": "clock"})]
    assert not Label.objects.exists()
    assert f"1 payment {action}d" in case.events.get(kind="verdict").text
    assert declined.events.get(kind="verdict").text.endswith(": nothing labelled")


def test_an_inconclusive_default_leaves_held_payments_held():
    make_case(queue=make_queue(on_timeout="decide", default_verdict="inconclusive"))

    assert deadlines.watch_deadlines(now=DUE) == 1

    assert messages() == []


def test_the_clock_does_not_take_back_what_an_analyst_said_of_a_held_payment(alice, bob):
    case = make_case(queue=make_queue(on_timeout="decide", default_verdict="legitimate"))
    verdicts.record(case=case, analyst=alice, verdict="fraud", decided_at=NOON)
    verdict_effects.settle_due(now=NOON + MINUTE)
    reopening.reopen(case=case, actor=bob, reason="the customer called", now=NOON + 2 * MINUTE)

    assert deadlines.watch_deadlines(now=NOON + DAY) == 1

    assert [message["action"] for _, message in messages()] == ["refuse"]


@pytest.mark.parametrize("action", [{"on_timeout": "decide", "default_verdict": "fraud"}, {"on_timeout": "escalate"}])
def test_a_case_somebody_works_on_waits_until_the_lease_ends(alice, leads, action):
    case = make_case(queue=make_queue(escalates_to=leads, **action))
    claims.claim(case=case, analyst=alice, now=DUE - MINUTE)

    assert deadlines.watch_deadlines(now=DUE) == 0
    assert deadlines.watch_deadlines(now=DUE - MINUTE + LEASE) == 0
    assert deadlines.watch_deadlines(now=DUE + LEASE) == 1

    case.refresh_from_db()
    assert case.claimed_by is None
    assert [row.ending for row in Handling.objects.all()] == ["expired"]
    assert events_of(case, "released") == [(None, "The claim ran out")]


@pytest.mark.parametrize("action", [{"on_timeout": "decide", "default_verdict": "fraud"}, {"on_timeout": "escalate"}])
def test_a_snoozed_case_waits_until_it_wakes(leads, told, action):
    queue = make_queue(warn_minutes=10, escalates_to=leads, **action)
    case = make_case(queue=queue, snoozed_until=DUE + 2 * DAY)

    assert deadlines.watch_deadlines(now=DUE - MINUTE) == 0
    assert deadlines.watch_deadlines(now=DUE + MINUTE) == 0
    assert state_of(case) == ("large", "open", DUE)

    assert deadlines.watch_deadlines(now=DUE + 2 * DAY) == 1


def test_a_case_without_a_queue_is_put_into_the_default_one():
    case = make_case()
    Case.objects.filter(id=case.id).update(queue=None)

    assert deadlines.watch_deadlines(now=NOON) == 1

    assert state_of(case) == ("general", "open", DUE)


@pytest.mark.django_db(transaction=True)
def test_two_turns_at_once_act_once_on_each_case():
    leads = make_queue("seniors", takes_new=False)
    queue = make_queue(on_timeout="escalate", escalates_to=leads)
    cases = [make_case(queue=queue) for _ in range(20)]

    done = in_threads(*[lambda: deadlines.watch_deadlines(now=DUE)] * 4)

    assert sum(done) == len(cases)
    assert all(case.events.filter(kind="escalated").count() == 1 for case in cases)


@pytest.mark.django_db(transaction=True)
def test_a_verdict_and_the_clock_at_once_leave_one_verdict():
    alice = make_user()
    queue = make_queue(on_timeout="decide", default_verdict="legitimate")
    for _ in range(8):
        case = make_case(queue=queue)

        results = in_threads(
            lambda case=case: verdicts.record(
                case=case, analyst=alice, verdict="fraud", typology="", note="", decided_at=DUE
            ),
            lambda: deadlines.watch_deadlines(now=DUE),
        )

        case.refresh_from_db()
        is_hers = not isinstance(results[0], Exception)
        assert (case.verdict, case.decided_by) == (("fraud", alice) if is_hers else ("legitimate", None))
        assert case.events.filter(kind="verdict").count() == 1
