"""The Celery application: the stream worker (`worker --stream`), the task worker and beat."""

import os

import click
from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fraudapp.settings")

from streams.webhooks.step import WebhooksStep
from streams.worker import FeaturesStep, OutboxRelayStep, RescoringStep, StreamStep, VerdictsStep

app = Celery("fraudapp")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.user_options["worker"].add(
    click.Option(["--stream"], is_flag=True, help="Consume a share of the streams in this worker (solo pool).")
)
app.steps["worker"].add(StreamStep)
app.steps["worker"].add(OutboxRelayStep)
app.steps["worker"].add(FeaturesStep)
app.steps["worker"].add(RescoringStep)
app.steps["worker"].add(VerdictsStep)
app.steps["worker"].add(WebhooksStep)


@setup_logging.connect
def _keep_logging(**_: object) -> None:
    """A receiver of this signal tells Celery to leave logging as the settings made it."""
