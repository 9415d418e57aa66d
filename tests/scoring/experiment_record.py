"""Experiments on an invented record: two models, and payments that either decided."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from scoring.ml.model import libraries
from scoring.models import Decision, Experiment, ModelVersion
from scoring.services.experiments import ExperimentPlan, start_experiment
from tests.factories import DAY, HOUR, NOON, make_decision, make_label

START = NOON - 20 * DAY
PLAN = ExperimentPlan(
    metric="loss",
    currency="EUR",
    false_decline_cost=Decimal(15),
    review_cost=Decimal(2),
    least_effect=0.05,
    looks=0,
    planned_days=21,
    maturity_days=7,
)


def make_model(version: str, stage: str = "candidate", **overrides: Any) -> ModelVersion:
    values: dict[str, Any] = {
        "artefact": b"trees", "signature": "x" * 64, "feature_version": "1", "labels_as_of": NOON,
        "trained_from": NOON - 30 * DAY, "trained_to": NOON, "libraries": libraries(),
        "stage_since": NOON - 40 * DAY,
    }  # fmt: skip
    return ModelVersion.objects.create(version=version, stage=stage, **values | overrides)


def begin(by: User, *, at=START, share: float = 0.5, **overrides: Any) -> Experiment:
    """An experiment of `m-new` against `m-old`, under PLAN but for what is named."""
    make_model("m-old", "champion")
    make_model("m-new")
    return start_experiment("m-new", share, ExperimentPlan(**vars(PLAN) | overrides), by=by, at=at)


def decided(model: str, card: str, amount: str = "100", outcome: str = "approve", **overrides: Any) -> Decision:
    """A payment of a card that a model decided, an hour after the start unless said."""
    at = overrides.pop("at", START + HOUR)
    values = {"occurred_at": at, "received_at": at, "decided_at": at}
    return make_decision(
        model_version=model, card_id=card, amount=Decimal(amount), outcome=outcome, **values | overrides
    )


def fraud(decision: Decision, label: str = "fraud", *, after: timedelta = 2 * DAY, **overrides: Any) -> None:
    make_label(decision, label, known_at=decision.occurred_at + after, **overrides)
