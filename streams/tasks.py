"""Celery tasks of the streams."""

from celery import shared_task

from scoring.services import shadow, shadow_scores
from streams import labels, outbox


@shared_task(name="streams.relay_outbox")
def relay_outbox() -> None:
    """Sweep the outbox: for when the relay of the task worker missed its call."""
    outbox.relay_outbox()


@shared_task(name="streams.retry_waiting_labels")
def retry_waiting_labels() -> None:
    """Sweep the labels that came before their payments."""
    labels.retry_waiting_labels()


@shared_task(name="streams.trim_shadow_changes")
def trim_shadow_changes() -> int:
    """Keep the changed payments of versions in shadow few. Safe to run twice."""
    return shadow.trim_changes()


@shared_task(name="streams.trim_shadow_scores")
def trim_shadow_scores() -> int:
    """Keep the scores of models in shadow few. Safe to run twice."""
    return shadow_scores.trim_scores()
