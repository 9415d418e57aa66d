"""A model's way into a share of the cards, and out of it."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from scoring.models import ModelEvent, ModelVersion
from scoring.services.models import UnknownModelError, load_model

Stage = ModelVersion.Stage


class ModelStepError(Exception):
    """The model cannot take this step from where it is; the text says why. Nothing changed."""


@transaction.atomic
def set_challenger(version: str, share: float, *, by: User, at: datetime) -> ModelVersion:
    """Let a candidate, or a model in shadow, decide for a share of the cards (above 0, up to 0.5).

    Raises:
        UnknownModelError: no model has this version.
        ModelStepError: it is not in a stage to begin from, or another one is challenger.
        ModelRefusedError: it would not be loaded by the processes that score.
    """
    rows = {row.version: row for row in ModelVersion.objects.select_for_update().order_by("id")}
    if version not in rows:
        raise UnknownModelError(version)
    model, others = rows[version], [row.version for row in rows.values() if row.stage == Stage.CHALLENGER]
    if model.stage not in (Stage.CANDIDATE, Stage.SHADOW):
        raise ModelStepError(f"Model {version} is {model.get_stage_display().lower()}: choose a candidate.")
    if others:
        raise ModelStepError(f"Model {others[0]} is the challenger already: end its experiment first.")
    check_scores(model)
    model.stage, model.share, model.stage_since = Stage.CHALLENGER, share, at
    model.save(update_fields=["stage", "share", "stage_since"])
    ModelEvent.objects.create(
        model=model, action=ModelEvent.Action.CHALLENGED, by=by, happened_at=at, note=f"{share:.4g} of the cards"
    )
    return model


@transaction.atomic
def end_challenger(version: str, *, reason: str, by: User, at: datetime) -> ModelVersion:
    """Take its cards back from the challenger; it is a candidate again.

    Raises:
        ModelStepError: it is no challenger any more.
    """
    challenger = ModelVersion.objects.filter(version=version, stage=Stage.CHALLENGER)
    if not challenger.update(stage=Stage.CANDIDATE, share=None, stage_since=at):
        raise ModelStepError(f"Model {version} is no challenger any more.")
    model = ModelVersion.objects.get(version=version)
    ModelEvent.objects.create(model=model, action=ModelEvent.Action.RETURNED, by=by, happened_at=at, note=reason)
    return model


def check_scores(model: ModelVersion) -> None:
    """Load it as every process would, before any of them has to. Raises: ModelRefusedError."""
    load_model(model)


__all__ = ["ModelStepError", "UnknownModelError", "end_challenger", "set_challenger"]
