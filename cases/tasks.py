"""Work the clock asks for."""

from celery import shared_task
from django.utils.timezone import now

from cases.services import claims


@shared_task(name="cases.release_expired_claims")
def release_expired_claims() -> int:
    """Free the cases whose analyst left. Safe to run twice."""
    return claims.release_expired(now=now())
