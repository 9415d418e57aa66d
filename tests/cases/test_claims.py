"""Claims: leases, renewals, and two analysts who want the same case."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings

from cases import tasks
from cases.services import claims
from tests.cases.test_alerts import in_threads
from tests.factories import HOUR, MINUTE, NOON, make_case, make_user

LEASE = timedelta(seconds=settings.CLAIM_LEASE_SECONDS)


def test_a_claim_is_a_lease(alice, case):
    claims.claim(case=case, analyst=alice, now=NOON)

    case.refresh_from_db()
    assert (case.claimed_by, case.claimed_until) == (alice, NOON + LEASE)


def test_the_same_person_renews_and_the_history_says_it_once(alice, case):
    claims.claim(case=case, analyst=alice, now=NOON)
    claims.claim(case=case, analyst=alice, now=NOON + MINUTE)

    case.refresh_from_db()
    assert case.claimed_until == NOON + MINUTE + LEASE
    assert case.events.filter(kind="claimed").count() == 1


def test_a_renewal_takes_a_claim_that_ran_out_anew(alice, case):
    claims.claim(case=case, analyst=alice, now=NOON)
    claims.release_expired(now=NOON + LEASE + MINUTE)

    claims.claim(case=case, analyst=alice, now=NOON + LEASE + MINUTE, is_renewal=True)

    case.refresh_from_db()
    assert case.claimed_by == alice


def test_a_renewal_does_not_undo_the_release_of_a_lead(alice, bob, case):
    claims.claim(case=case, analyst=alice, now=NOON)
    claims.release(case=case, actor=bob, now=NOON, may_release_others=True)

    with pytest.raises(claims.ReleasedError):
        claims.claim(case=case, analyst=alice, now=NOON, is_renewal=True)

    case.refresh_from_db()
    assert case.claimed_by is None
    claims.claim(case=case, analyst=alice, now=NOON)


def test_a_running_claim_is_not_taken(alice, bob, case):
    claims.claim(case=case, analyst=alice, now=NOON)

    with pytest.raises(claims.ClaimedByOtherError):
        claims.claim(case=case, analyst=bob, now=NOON + MINUTE)

    claims.claim(case=case, analyst=bob, now=NOON + LEASE + MINUTE)


def test_a_decided_case_is_not_claimed(alice):
    case = make_case(status="decided", verdict="fraud", decided_at=NOON)

    with pytest.raises(claims.NotOpenError):
        claims.claim(case=case, analyst=alice, now=NOON)


def test_only_the_holder_or_a_lead_releases(alice, bob, case):
    claims.claim(case=case, analyst=alice, now=NOON)

    with pytest.raises(claims.ClaimedByOtherError):
        claims.release(case=case, actor=bob, now=NOON)
    claims.release(case=case, actor=bob, now=NOON, may_release_others=True)

    case.refresh_from_db()
    assert case.claimed_by is None


def test_the_next_case_is_the_free_one_with_the_most_at_stake(alice, bob):
    make_case(stake=Decimal(10))
    large, largest = make_case(stake=Decimal(20)), make_case(stake=Decimal(30))
    claims.claim(case=largest, analyst=bob, now=NOON)

    assert claims.claim_next(analyst=alice, now=NOON) == large


def test_expired_claims_are_released(alice, bob):
    expired, running = make_case(), make_case()
    claims.claim(case=expired, analyst=alice, now=NOON)
    claims.claim(case=running, analyst=bob, now=NOON + LEASE)

    assert claims.release_expired(now=NOON + LEASE + MINUTE) == 1
    assert claims.release_expired(now=NOON + LEASE + MINUTE) == 0

    expired.refresh_from_db()
    running.refresh_from_db()
    assert (expired.claimed_by, running.claimed_by) == (None, bob)


def test_the_task_releases_what_is_long_over(alice, case):
    claims.claim(case=case, analyst=alice, now=NOON - 9000 * HOUR)

    assert tasks.release_expired_claims() == 1
    assert tasks.release_expired_claims() == 0


@pytest.mark.django_db(transaction=True)
def test_of_claims_at_the_same_moment_one_wins():
    people = [make_user(username=f"analyst{n}") for n in range(6)]
    case = make_case()

    results = in_threads(*[lambda who=who: claims.claim(case=case, analyst=who, now=NOON) for who in people])

    assert sum(isinstance(result, claims.ClaimedByOtherError) for result in results) == 5
    assert results.count(None) == 1


@pytest.mark.django_db(transaction=True)
def test_analysts_who_ask_at_once_get_different_cases():
    people = [make_user(username=f"analyst{n}") for n in range(6)]
    for _ in range(6):
        make_case()

    results = in_threads(*[lambda who=who: claims.claim_next(analyst=who, now=NOON) for who in people])

    assert len({case.id for case in results}) == 6
