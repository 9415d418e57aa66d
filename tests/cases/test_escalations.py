"""Escalating a case, and moving it by hand."""

import pytest
from django.urls import reverse
from django.utils.timezone import now

from cases.models import Handling, Queue
from cases.services import claims, escalations, queues, verdicts
from tests.cases.test_alerts import in_threads
from tests.factories import HOUR, MINUTE, NOON, make_case, make_queue, make_user

pytestmark = pytest.mark.django_db
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def leads(bob):
    return make_queue("seniors", members=[bob], takes_new=False, sla_minutes=240, half_life_minutes=90)


@pytest.fixture
def case(leads):
    return make_case(queue=make_queue(escalates_to=leads))


@pytest.fixture
def escalate(client, alice, case):
    client.force_login(alice)
    return lambda note="too large for me": client.post(reverse("escalate", args=[case.id]), {"note": note})


def test_it_goes_to_the_other_queue_with_a_reason_and_the_analyst_goes_on(client, escalate, alice, bob, case, leads):
    claims.claim(case=case, analyst=alice, now=NOON)
    following = make_case()

    response = escalate("a gang, I think")

    assert response.url == following.get_absolute_url()
    case.refresh_from_db()
    assert (case.queue, case.claimed_by, case.status, case.half_life_minutes) == (leads, None, "open", 90)
    assert case.due_at - case.escalated_at == 4 * HOUR
    event = case.events.get(kind="escalated")
    assert (event.actor, event.text) == (alice, "To Seniors: a gang, I think")
    assert Handling.objects.get(case=case).ending == "escalated"
    client.force_login(bob)
    assert "escalated" in client.get("/queue/?queue=seniors").content.decode()
    assert "To Seniors: a gang, I think</p>" in client.get(case.get_absolute_url()).content.decode()


def test_without_a_reason_it_is_asked_for_and_nothing_changes(escalate, case):
    response = escalate(" ")

    assert response.status_code == 422
    assert "why you escalate" in response.content.decode()
    case.refresh_from_db()
    assert case.escalated_at is None


def test_a_hostile_reason_is_text(client, escalate, bob, case):
    escalate(HOSTILE)

    client.force_login(bob)
    text = client.get(case.get_absolute_url()).content.decode()
    assert HOSTILE not in text
    assert "&lt;img src=x" in text


@pytest.mark.parametrize("change", [{"escalates_to": None}, {}])
def test_nobody_to_escalate_to_is_said_and_the_reason_kept(escalate, case, leads, change):
    if change:
        Queue.objects.filter(id=case.queue_id).update(**change)
    else:
        Queue.objects.filter(id=leads.id).update(is_enabled=False)

    response = escalate("my reason")

    text = response.content.decode()
    assert response.status_code == 422
    assert "There is nobody to escalate to from Large" in text
    assert "my reason</textarea>" in text


def test_a_case_of_somebody_else_stays(escalate, bob, case):
    claims.claim(case=case, analyst=bob, now=now())

    assert "Bob is working on this case" in escalate().content.decode()
    assert not case.events.filter(kind="escalated").exists()


def test_a_decided_case_stays(escalate, bob, case):
    verdicts.record(case=case, analyst=bob, verdict="fraud", typology="", note="", decided_at=NOON)

    assert "Bob has already decided" in escalate().content.decode()


def test_a_case_that_was_moved_meanwhile_stays_there(alice, bob, case, leads):
    other = make_queue("other", escalates_to=leads)
    queues.move_case(case=case, queue=other, actor=bob, now=NOON)
    # As it was when the page was opened.
    assert case.queue.slug == "large"

    with pytest.raises(escalations.MovedMeanwhileError):
        escalations.escalate(case=case, analyst=alice, reason="x", now=NOON)

    case.refresh_from_db()
    assert (case.queue, case.escalated_at) == (other, None)


def test_who_escalated_is_not_handed_it_again_while_anything_else_waits(bob, leads):
    case = make_case(queue=make_queue(escalates_to=leads), stake=900)
    other = make_case(stake=1)
    escalations.escalate(case=case, analyst=bob, reason="x", now=NOON)

    assert claims.claim_next(analyst=bob, now=NOON + MINUTE) == other


def test_a_page_left_open_does_not_take_an_escalated_case_back(bob, case):
    claims.claim(case=case, analyst=bob, now=NOON)
    escalations.escalate(case=case, analyst=bob, reason="x", now=NOON)

    with pytest.raises(claims.ReleasedError):
        claims.claim(case=case, analyst=bob, now=NOON + MINUTE, is_renewal=True)


@pytest.mark.django_db(transaction=True)
def test_an_escalation_and_a_verdict_at_once_leave_one_of_them():
    alice, leads = make_user(), make_queue("seniors", takes_new=False)
    queue = make_queue(escalates_to=leads)
    for _ in range(8):
        case = make_case(queue=queue)
        claims.claim(case=case, analyst=alice, now=NOON)

        results = in_threads(
            lambda case=case: verdicts.record(
                case=case, analyst=alice, verdict="fraud", typology="", note="", decided_at=NOON
            ),
            lambda case=case: escalations.escalate(case=case, analyst=alice, reason="x", now=NOON),
        )

        case.refresh_from_db()
        was_escalated_first = case.events.filter(kind="escalated").exists()
        if isinstance(results[1], claims.NotOpenError):
            assert not was_escalated_first
            assert (case.queue, case.status) == (queue, "decided")
        else:
            assert was_escalated_first
            assert (case.queue, case.claimed_by) == (leads, None)
        assert case.handlings.filter(ended_at=None).count() == 0


# --- by hand ---


@pytest.fixture
def move(client, bob, case):
    client.force_login(bob)
    return lambda slug: client.post(reverse("move", args=[case.id]), {"queue": slug})


def test_a_lead_moves_a_case(move, bob, case):
    make_queue("other", sla_minutes=30)

    assert move("other").url == case.get_absolute_url()

    case.refresh_from_db()
    event = case.events.get(kind="moved")
    assert (case.queue.slug, case.is_placed, case.due_at - event.happened_at) == ("other", True, HOUR / 2)
    assert (event.actor, event.text) == (bob, "From Large to Other")


@pytest.mark.parametrize("slug", ["closed", "nowhere", ""])
def test_a_queue_that_takes_none_is_refused(move, case, slug):
    make_queue("closed", is_enabled=False)

    assert move(slug).status_code == 422

    case.refresh_from_db()
    assert case.queue.slug == "large"


def test_a_case_somebody_works_on_is_not_moved(move, alice, case):
    make_queue("other")
    claims.claim(case=case, analyst=alice, now=now())

    assert "Alice is working on this case" in move("other").content.decode()


def test_moving_is_for_leads(client, alice, case):
    client.force_login(alice)

    answer = client.post(reverse("move", args=[case.id]), {"queue": "seniors"})

    assert answer.status_code == 403
    assert "Move to another queue" not in client.get(case.get_absolute_url()).content.decode()
