"""Work the clock asks for."""

from celery import shared_task
from django.utils.timezone import now

from scoring.services import experiments
from scoring.services.list_expiry import clear_expired


@shared_task(name="scoring.clear_expired_entries")
def clear_expired_entries() -> int:
    """Clear list entries away whose time is over. Safe to run twice."""
    return clear_expired(at=now())


@shared_task(name="scoring.record_looks")
def record_looks() -> int:
    """Write down what is known of the running experiment by the days that are over. Safe to run twice."""
    return experiments.record_looks(at=now())
