"""What a step of a model has to find: the errors that say it did not, and the looking."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import xgboost
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from scoring.ml.model import ModelRefusedError
from scoring.models import ModelEvent, ModelVersion
from scoring.services.line_up import load_model
from scoring.services.locks import take_lock

# Of whoever moves a model: one at a time.
LOCK = "model stages"
MAX_IN_SHADOW = 3
# The share of cards one step may give to a model that nobody has promoted.
MAX_SHARE = 0.5
_MOST_NOTE = ModelEvent._meta.get_field("note").max_length or 0
_Stage = ModelVersion.Stage
# Now(): the database's, where nobody says.
Moment = datetime | Now
IN_WORK = (_Stage.CANDIDATE, _Stage.SHADOW, _Stage.CHALLENGER)


class UnknownModelError(Exception):
    """No model has this version. Nothing changed."""


class ModelStepError(Exception):
    """The step does not begin where the model is, or cannot be taken so; the message says why. Nothing changed."""


class StaleChampionError(ModelStepError):
    """Another model became champion meanwhile; it stands, nothing changed."""


class OwnModelError(ModelStepError):
    """It is for somebody else to do: who asks had it trained, or proposed it. Nothing changed."""


def hold(version: str, *stages: str) -> ModelVersion:
    """The model, with everybody else kept waiting to the end of the transaction.

    Raises:
        UnknownModelError, ModelStepError
    """
    take_lock(LOCK)
    model = ModelVersion.objects.select_for_update(of=["self"]).filter(version=version).first()
    if model is None:
        raise UnknownModelError(f"There is no model {version}.")
    if model.stage not in stages:
        last = model.events.select_related("by").order_by("-happened_at", "-id").first()
        who = f"; {last.by or 'the system'}: {last.get_action_display().lower()}" if last else ""
        raise ModelStepError(f"Model {version} is {model.get_stage_display().lower()} by now{who}.")
    return model


def record(model: ModelVersion, action: str, *, by: User | None, at: Moment, note: str = "") -> None:
    """Leave a trace."""
    ModelEvent.objects.create(model=model, action=action, by=by, happened_at=at, note=note[:_MOST_NOTE])


@contextmanager
def refusal_on_record(version: str, *, by: User | None, at: Moment) -> Iterator[None]:
    """Do all inside in one transaction; a model that is refused is none the further, and its events say why.

    Raises:
        ModelRefusedError: as it came.
    """
    try:
        with transaction.atomic():
            yield
    except ModelRefusedError as error:
        record(ModelVersion.objects.get(version=version), ModelEvent.Action.REFUSED, by=by, at=at, note=str(error))
        raise


def check_scores(model: ModelVersion) -> None:
    """Load it as every process would, before any of them has to.

    Raises:
        ModelRefusedError: damaged, not signed with today's key, of other features, or of another release of XGBoost.
    """
    load_model(model)
    trained, here = model.libraries.get("xgboost", ""), xgboost.__version__
    if _major(trained) != _major(here):
        raise ModelRefusedError(
            f"model {model.version} was trained with xgboost {trained or 'of an unknown version'}, and {here} is"
            " installed: its scores may differ from those it was measured with. Train again"
        )


def check_champion(instead_of: str) -> ModelVersion | None:
    """The champion (None where there is none), which must be the one that was looked at; empty: none was.

    Raises:
        StaleChampionError
    """
    champion = ModelVersion.objects.filter(stage=_Stage.CHAMPION).first()
    found = champion.version if champion else ""
    if found != instead_of:
        words = f"Model {found} is" if found else "No model is"
        raise StaleChampionError(f"{words} champion by now, not {instead_of or 'none'}: look at it first.")
    return champion


def check_second_person(model: ModelVersion, by: User, *, what: str) -> None:
    """Raises: OwnModelError."""
    if by.id == model.requested_by_id:
        raise OwnModelError(f"You had model {model.version} trained: a second person has to {what} it.")
    if by.id == model.proposed_by_id:
        raise OwnModelError(f"You proposed model {model.version}: a second person has to {what} it.")


def check_room() -> None:
    """Raises: ModelStepError: as many are in shadow as may be."""
    tried = list(ModelVersion.objects.filter(stage=_Stage.SHADOW).order_by("id").values_list("version", flat=True))
    if len(tried) >= MAX_IN_SHADOW:
        raise ModelStepError(
            f"Models {', '.join(tried)} are in shadow, and at most {MAX_IN_SHADOW} may be: send one back first."
        )


def check_note(note: str, *, is_needed: bool = True) -> None:
    """Raises: ModelStepError: no reason, a long one, or one with characters that cannot be stored."""
    if (is_needed and not note.strip()) or len(note) > _MOST_NOTE:
        raise ModelStepError(f"Say why, in up to {_MOST_NOTE} characters.")
    if "\0" in note:
        raise ModelStepError("The reason has a character that cannot be stored.")


def _major(version: str) -> str:
    return version.partition(".")[0]
