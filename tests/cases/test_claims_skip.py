"""Skipping: the case goes back for somebody else, and the analyst goes on."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils.timezone import now

from cases.services import claims, verdicts
from tests.factories import MINUTE, NOON, make_case

PAUSE = timedelta(minutes=settings.SKIP_MINUTES)
LEASE = timedelta(seconds=settings.CLAIM_LEASE_SECONDS)


@pytest.fixture
def case(db):
    """The case with the most at stake: what "next" would hand out."""
    return make_case(stake=Decimal(9000))


@pytest.fixture
def other(case):
    return make_case(stake=Decimal(5))


@pytest.fixture
def url(case):
    return reverse("skip", args=[case.id])


def skip(case, analyst, *, reason="", at=NOON):
    claims.skip(case=case, analyst=analyst, reason=reason, now=at)


def told(case):
    """The history as (kind, who, text), oldest first."""
    events = case.events.exclude(kind="opened").order_by("id")
    return [(event.kind, event.actor and event.actor.username, event.text) for event in events]


def test_a_skipped_case_is_free_again_and_the_history_says_why(alice, case):
    claims.claim(case=case, analyst=alice, now=NOON)

    skip(case, alice, reason="waits for a call back", at=NOON + MINUTE)

    case.refresh_from_db()
    assert (case.status, case.claimed_by, case.claimed_until) == ("open", None, None)
    assert told(case)[1:] == [("skipped", "alice", "waits for a call back")]


def test_the_next_case_is_another_one_for_half_an_hour(alice, bob, case, other):
    claims.claim(case=case, analyst=alice, now=NOON)
    skip(case, alice)

    assert claims.claim_next(analyst=alice, now=NOON + PAUSE - MINUTE) == other
    claims.release(case=other, actor=alice, now=NOON + PAUSE - MINUTE)
    assert claims.claim_next(analyst=alice, now=NOON + PAUSE) == case


def test_others_are_handed_a_skipped_case_at_once(alice, bob, case, other):
    skip(case, alice)

    assert claims.claim_next(analyst=bob, now=NOON) == case


def test_a_skipped_case_is_handed_out_again_when_nothing_else_waits(alice, bob, case, other):
    skip(case, alice)
    claims.claim(case=other, analyst=bob, now=NOON)

    assert claims.claim_next(analyst=alice, now=NOON) == case


def test_a_case_left_out_is_not_handed_out_though_nothing_else_waits(alice, case):
    assert claims.claim_next(analyst=alice, now=NOON, besides=case) is None


def test_a_case_without_a_claim_is_skipped_too(alice, case, other):
    skip(case, alice)

    case.refresh_from_db()
    assert case.claimed_by is None
    assert claims.claim_next(analyst=alice, now=NOON) == other


def test_a_case_of_somebody_else_is_not_skipped(alice, bob, case):
    claims.claim(case=case, analyst=bob, now=NOON)

    with pytest.raises(claims.ClaimedByOtherError):
        skip(case, alice)

    case.refresh_from_db()
    assert case.claimed_by == bob
    skip(case, alice, at=NOON + LEASE + MINUTE)


def test_a_decided_case_is_not_skipped(alice, case):
    verdicts.record(case=case, analyst=alice, verdict="fraud", typology="", note="", decided_at=NOON)

    with pytest.raises(claims.NotOpenError):
        skip(case, alice)


def test_skipping_opens_the_next_case(as_alice, alice, case, other, url):
    claims.claim(case=case, analyst=alice, now=now())

    response = as_alice.post(url, {"note": "asked the bank", "verdict": ""})

    assert response.url == other.get_absolute_url()
    case.refresh_from_db()
    assert case.claimed_by is None
    assert f"•••• {case.card_id[-4:]}: skipped, back in the queue." in as_alice.get(response.url).content.decode()


def test_the_reason_is_shown_to_who_comes_next(client, alice, bob, case):
    skip(case, alice, reason="<b>asked</b> the bank", at=now())
    client.force_login(bob)

    text = client.get(case.get_absolute_url()).content.decode()

    assert text.count("&lt;b&gt;asked&lt;/b&gt; the bank") == 1
    assert "when skipping" in text


def test_skipping_the_last_case_returns_to_the_queue(as_alice, case, url):
    response = as_alice.post(url, {"note": ""}, follow=True)

    assert response.redirect_chain[-1][0] == reverse("queue")
    assert "No other case is waiting." in response.content.decode()
    case.refresh_from_db()
    assert case.claimed_by is None


def test_who_skips_a_case_that_was_just_decided_is_told_and_goes_on(as_alice, bob, case, other, url):
    verdicts.record(case=case, analyst=bob, verdict="fraud", typology="", note="", decided_at=NOON)

    response = as_alice.post(url, {"note": ""}, follow=True)

    assert response.redirect_chain[-1][0] == other.get_absolute_url()
    assert "Bob has already decided this case: fraud" in response.content.decode()


@pytest.mark.parametrize("reason", ["\0", "n" * 2001])
def test_a_bad_reason_changes_nothing(as_alice, alice, case, other, url, reason):
    claims.claim(case=case, analyst=alice, now=now())

    response = as_alice.post(url, {"note": reason})

    assert response.status_code == 422
    assert 'role="alert"' in response.content.decode()
    case.refresh_from_db()
    assert case.claimed_by == alice


def test_a_reason_is_not_lost_when_the_case_cannot_be_skipped(as_alice, bob, case, url):
    claims.claim(case=case, analyst=bob, now=now())

    response = as_alice.post(url, {"note": "the card was <stolen>"})

    assert response.status_code == 422
    assert "Bob is working on this case" in response.content.decode()
    assert "the card was &lt;stolen&gt;</textarea>" in response.content.decode()


def test_a_reason_that_is_too_long_is_not_lost(as_alice, case, url):
    response = as_alice.post(url, {"note": "x" * 2001})

    assert response.status_code == 422
    assert "x" * 2001 in response.content.decode()
