"""Work the clock asks for."""

from celery import shared_task
from django.utils.timezone import now

from scoring.services import drift, experiments, retraining
from scoring.services.list_expiry import clear_expired


@shared_task(name="scoring.clear_expired_entries")
def clear_expired_entries() -> int:
    """Clear list entries away whose time is over. Safe to run twice."""
    return clear_expired(at=now())


@shared_task(name="scoring.record_looks")
def record_looks() -> int:
    """Write down what is known of the running experiment by the days that are over. Safe to run twice."""
    return experiments.record_looks(at=now())


@shared_task(name="scoring.measure_drift")
def measure_drift() -> None:
    """Make today's report of drift. Safe to run twice."""
    drift.measure_daily(at=now())


@shared_task(name="scoring.measure_asked_drift")
def measure_asked_drift() -> None:
    """Make the report of drift that somebody asked for. Safe to run twice."""
    drift.measure_asked(at=now())


@shared_task(name="scoring.retrain")
def retrain() -> None:
    """Judge the model of a training that ended, and ask for the next where one is due. Safe to run twice."""
    retraining.finish_what_ended(at=now())
    retraining.ask_when_due(at=now())
