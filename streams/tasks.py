"""Celery tasks of the streams."""

from celery import shared_task

from streams import outbox


@shared_task(name="streams.relay_outbox")
def relay_outbox() -> None:
    """Sweep the outbox: for when the relay of the task worker missed its call."""
    outbox.relay_outbox()
