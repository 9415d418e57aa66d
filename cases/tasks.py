"""Work the clock asks for."""

from celery import shared_task
from django.utils.timezone import now

from cases.services import checks, claims, known_cases, presence


@shared_task(name="cases.release_expired_claims")
def release_expired_claims() -> int:
    """Free the cases whose analyst left. Safe to run twice."""
    return claims.release_expired(now=now())


@shared_task(name="cases.forget_who_left")
def forget_who_left() -> int:
    """Drop the signs of people who closed their pages. Safe to run twice."""
    return presence.forget_who_left(now=now())


@shared_task(name="cases.return_expired_checks")
def return_expired_checks() -> int:
    """Give the reviews whose reviewer left to somebody else. Safe to run twice."""
    return checks.return_expired(now=now())


@shared_task(name="cases.follow_truths")
def follow_truths() -> int:
    """Bring chargebacks and corrections to the first verdicts, and keep known cases waiting. Safe to run twice."""
    known_cases.collect_truths(now=now())
    return known_cases.refill(now=now())
