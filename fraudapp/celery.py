"""The Celery application: the stream worker (`worker --stream`), the task worker and beat."""

import os

import click
from celery import Celery
from celery.signals import setup_logging, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fraudapp.settings")

from scoring.silence import bound_all_threads
from streams.jobs import JobsStep
from streams.webhooks.step import WebhooksStep
from streams.worker import (
    WORKER_SILENCE_SECONDS,
    FeaturesStep,
    OutboxRelayStep,
    RescoringStep,
    StreamStep,
    VerdictsStep,
)

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
app.steps["worker"].add(JobsStep)


@setup_logging.connect
def _keep_logging(**_: object) -> None:
    """A receiver of this signal tells Celery to leave logging as the settings made it."""


@worker_init.connect
def _give_up_silence(**_: object) -> None:
    """Steps and tasks, in this process or a child of it, wait for no answer of the database for ever."""
    bound_all_threads(WORKER_SILENCE_SECONDS)
