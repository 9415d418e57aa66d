"""Work the clock asks for."""

from celery import shared_task
from django.utils.timezone import now

from cases.services import claims, figures, presence


@shared_task(name="cases.release_expired_claims")
def release_expired_claims() -> int:
    """Free the cases whose analyst left. Safe to run twice."""
    return claims.release_expired(now=now())


@shared_task(name="cases.forget_who_left")
def forget_who_left() -> int:
    """Drop the signs of people who closed their pages. Safe to run twice."""
    return presence.forget_who_left(now=now())


@shared_task(name="cases.refresh_figures")
def refresh_figures() -> None:
    """Count the dashboard's figures again where something changed. Safe to run twice."""
    figures.refresh_figures(now=now())
