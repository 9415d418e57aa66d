"""Snoozing on the case's page, in its dialog, and in the queue."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils.timezone import now

from cases.models import Case, CaseEvent
from cases.services import snoozes
from tests.factories import HOUR, flag, make_case, make_decision, make_user

HTMX = {"HX-Request": "true"}


@pytest.fixture
def case(db):
    """The case with the most at stake, due in two hours."""
    return make_case(stake=Decimal(9000), due_at=now() + 2 * HOUR)


def snooze(case, analyst):
    snoozes.snooze(case=case, analyst=analyst, until=now() + HOUR, reason="x", now=now())


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
    snooze(case, alice)

    assert as_alice.post(url("wake")).url == case.get_absolute_url()
    case.refresh_from_db()
    assert not case.is_snoozed(now())
    assert "was awake already" in as_alice.post(url("wake"), follow=True).content.decode()


def test_skipping_a_case_that_sleeps_says_so_and_goes_on(as_alice, bob, case, url):
    other = make_case()
    snooze(case, bob)

    response = as_alice.post(url("skip"), {"note": ""}, follow=True)

    assert response.redirect_chain[-1][0] == other.get_absolute_url()
    assert "The case is snoozed until" in response.content.decode()


def test_the_queue_counts_and_shows_the_snoozed(as_alice, bob, case):
    snooze(case, bob)

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
    snooze(case, alice)
    snoozes.wake(case=case, actor=alice, now=now())

    text = as_alice.get(reverse("case_history", args=[case.id])).content.decode()

    assert "<b>Snoozed</b> by Alice" in text
    assert "<b>Awake</b> by Alice" in text
    assert CaseEvent.objects.filter(case=case, kind="woken").count() == 1
    assert Case.objects.get(id=case.id).snoozed_until is None


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
