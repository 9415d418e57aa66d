"""Handling times: a row for each claim, from its start to how it ended."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from cases.models import Case, Handling
from cases.services import claims, presence, verdicts
from tests.factories import MINUTE, NOON, make_case

LEASE = timedelta(seconds=settings.CLAIM_LEASE_SECONDS)
SECONDS = timedelta(seconds=48)
LATER = NOON + LEASE + MINUTE


def decide(case, analyst, at=NOON):
    verdicts.record(case=case, analyst=analyst, verdict="fraud", typology="", note="", decided_at=at)


def handlings(case):
    """(who, claimed, ended, how) of each claim, oldest first."""
    rows = case.handlings.order_by("id").select_related("analyst")
    return [(row.analyst.username, row.claimed_at, row.ended_at, row.ending) for row in rows]


def test_a_claim_begins_one_and_its_renewals_none(alice, case):
    claims.claim(case=case, analyst=alice, now=NOON)
    claims.claim(case=case, analyst=alice, now=NOON + MINUTE)

    assert handlings(case) == [("alice", NOON, None, "")]


def test_a_verdict_ends_it_and_the_history_says_how_long_it_took(client, alice, case):
    claims.claim(case=case, analyst=alice, now=NOON)

    decide(case, alice, at=NOON + SECONDS)

    assert handlings(case) == [("alice", NOON, NOON + SECONDS, "verdict")]
    client.force_login(alice)
    assert "1 payment to label, decided in 48 s" in client.get(f"{case.get_absolute_url()}history/").content.decode()


def test_a_verdict_without_a_claim_took_no_known_time(alice, case):
    decide(case, alice)

    assert handlings(case) == []
    assert case.events.get(kind="verdict").text == "Fraud: 1 payment to label"


def test_a_skip_ends_it(alice, case):
    claims.claim(case=case, analyst=alice, now=NOON)

    claims.skip(case=case, analyst=alice, reason="", now=NOON + SECONDS)

    assert handlings(case) == [("alice", NOON, NOON + SECONDS, "skipped")]


def test_a_lead_who_releases_ends_that_of_the_analyst(alice, bob, case):
    claims.claim(case=case, analyst=alice, now=NOON)

    claims.release(case=case, actor=bob, now=NOON + SECONDS, may_release_others=True)

    assert handlings(case) == [("alice", NOON, NOON + SECONDS, "released")]


def test_the_sweep_ends_those_that_ran_out(alice, bob, case):
    running = make_case()
    claims.claim(case=case, analyst=alice, now=NOON)
    claims.claim(case=running, analyst=bob, now=NOON + LEASE)

    claims.release_expired(now=LATER)

    assert handlings(case) == [("alice", NOON, LATER, "expired")]
    assert handlings(running) == [("bob", NOON + LEASE, None, "")]


@pytest.mark.parametrize("take", [lambda case, bob: claims.claim(case=case, analyst=bob, now=LATER),
                                  lambda case, bob: claims.claim_next(analyst=bob, now=LATER)])  # fmt: skip
def test_who_takes_a_case_before_the_sweep_ends_the_claim_that_ran_out(alice, bob, case, take):
    claims.claim(case=case, analyst=alice, now=NOON)

    take(case, bob)

    assert handlings(case) == [("alice", NOON, LATER, "expired"), ("bob", LATER, None, "")]
    assert case.events.get(kind="released").text == "The claim ran out"


def test_who_decides_over_a_claim_that_ran_out_does_not_get_its_time(alice, bob, case):
    claims.claim(case=case, analyst=alice, now=NOON)

    decide(case, bob, at=LATER)

    assert handlings(case) == [("alice", NOON, LATER, "expired")]
    assert "decided in" not in case.events.get(kind="verdict").text


def test_who_decides_after_the_own_claim_ran_out_gets_the_whole_time(alice, case):
    claims.claim(case=case, analyst=alice, now=NOON)

    decide(case, alice, at=LATER)

    assert handlings(case) == [("alice", NOON, LATER, "verdict")]


def test_a_refused_verdict_ends_nothing(alice, bob, case):
    claims.claim(case=case, analyst=alice, now=NOON)

    with pytest.raises(claims.ClaimedByOtherError):
        decide(case, bob)

    assert handlings(case) == [("alice", NOON, None, "")]


def test_a_case_that_was_handed_out_waits_for_the_first_look(alice, bob, case):
    claims.claim_next(analyst=alice, now=NOON)
    case.refresh_from_db()
    presence.record_view(case=case, viewer=bob, now=NOON)
    assert case.handlings.get().first_viewed_at is None

    for seconds in (2, 9):
        presence.record_view(case=case, viewer=alice, now=NOON + timedelta(seconds=seconds))

    assert case.handlings.get().first_viewed_at == NOON + timedelta(seconds=2)


def test_a_case_claimed_by_its_open_page_is_looked_at_already(alice, case):
    claims.claim(case=case, analyst=alice, now=NOON)

    assert case.handlings.get().first_viewed_at == NOON


def test_opening_the_page_after_next_is_the_first_look(client, alice, case):
    client.force_login(alice)
    client.post(reverse("next_case"))

    client.get(case.get_absolute_url())

    assert case.handlings.get().first_viewed_at is not None


@pytest.mark.parametrize("wrong", [{}, {"ended_at": NOON}, {"ended_at": NOON, "ending": "lost"}])
def test_the_database_knows_one_running_claim_a_case_and_no_end_without_a_reason(alice, case, wrong):
    claims.claim(case=case, analyst=alice, now=NOON)

    with pytest.raises(IntegrityError), transaction.atomic():
        Handling.objects.create(case=case, analyst=alice, claimed_at=NOON, **wrong)


def test_a_claim_freed_without_an_end_keeps_the_case_from_nobody(alice, bob, case):
    claims.claim(case=case, analyst=alice, now=NOON)
    # As a process from before handlings were kept releases it.
    Case.objects.filter(id=case.id).update(claimed_by=None, claimed_until=None)

    assert claims.claim_next(analyst=bob, now=NOON + MINUTE) == case

    assert handlings(case) == [("alice", NOON, NOON + MINUTE, "expired"), ("bob", NOON + MINUTE, None, "")]
