"""The life of a model: in shadow, given a share of the cards, proposed, promoted by a second person, brought back.

Each step takes LOCK, so that who comes second sees what the first one did and is told. A model is loaded as the
processes that score would load it before it may have any part: one that is refused stays where it is, with the reason
among its events.
"""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from scoring.models import Experiment, ModelEvent, ModelVersion
from scoring.services.line_up import load_model, recheck_models
from scoring.services.model_guards import (
    IN_WORK,
    MAX_SHARE,
    ModelStepError,
    Moment,
    OwnModelError,
    UnknownModelError,
    check_champion,
    check_note,
    check_room,
    check_scores,
    check_second_person,
    hold,
    record,
    refusal_on_record,
)

_Stage, _Action = ModelVersion.Stage, ModelEvent.Action


def put_in_shadow(*, version: str, by: User | None, at: datetime) -> ModelVersion:
    """Have a candidate score the payments that come, without any effect.

    Raises:
        ModelRefusedError, ModelStepError, UnknownModelError
    """
    with refusal_on_record(version, by=by, at=at):
        model = hold(version, _Stage.CANDIDATE)
        check_room()
        check_scores(model)
        _move(model, _Stage.SHADOW, at=at)
        record(model, _Action.SHADOWED, by=by, at=at)
    return model


def set_challenger(version: str, share: float, *, by: User, at: datetime) -> ModelVersion:
    """Let a model decide for a share of the cards; the share of the challenger there is can be changed so, too.

    Not by who had it trained: from here on it decides about people's payments. Not while an experiment runs, whose
    shares stay as they were planned.

    Raises:
        ModelRefusedError, ModelStepError, OwnModelError, UnknownModelError
    """
    if not 0.0 < share <= MAX_SHARE:
        raise ModelStepError(f"The share must be above 0 and at most {MAX_SHARE:.0%} of the cards, not {share:.4g}.")
    with refusal_on_record(version, by=by, at=at):
        model = hold(version, *IN_WORK)
        _check_may_challenge(model, by)
        check_scores(model)
        _move(model, _Stage.CHALLENGER, at=at, share=share)
        record(model, _Action.CHALLENGED, by=by, at=at, note=f"{share:.4g} of the cards")
    return model


@transaction.atomic
def end_challenger(version: str, *, reason: str, by: User | None, at: datetime) -> ModelVersion:
    """Take its cards back from the challenger; it is a candidate again, and what was proposed stays so.

    Raises:
        ModelStepError, UnknownModelError
    """
    check_note(reason)
    model = hold(version, _Stage.CHALLENGER)
    _move(model, _Stage.CANDIDATE, at=at)
    record(model, _Action.RETURNED, by=by, at=at, note=reason)
    return model


def propose(*, version: str, note: str, by: User | None, at: datetime) -> ModelVersion:
    """Ask a second person to promote a model, which goes on with what it does. `by`: None is the system.

    Raises:
        ModelRefusedError, ModelStepError, UnknownModelError
    """
    check_note(note)
    with refusal_on_record(version, by=by, at=at):
        model = hold(version, *IN_WORK)
        if model.proposed_at is not None:
            raise ModelStepError(f"Model {version} is proposed already.")
        check_scores(model)
        model.proposed_by, model.proposed_at = by, at
        model.save(update_fields=["proposed_by", "proposed_at"])
        record(model, _Action.PROPOSED, by=by, at=at, note=note)
    return model


@transaction.atomic
def send_back(*, version: str, reason: str, by: User | None, at: datetime) -> ModelVersion:
    """Make a model that is tried or proposed a mere candidate again.

    Raises:
        ModelStepError, UnknownModelError
    """
    check_note(reason)
    model = hold(version, *IN_WORK)
    if model.stage == _Stage.CANDIDATE and model.proposed_at is None:
        raise ModelStepError(f"Model {version} is a candidate that nobody proposed: there is nothing to take back.")
    model.proposed_by = model.proposed_at = None
    model.save(update_fields=["proposed_by", "proposed_at"])
    _move(model, _Stage.CANDIDATE, at=at)
    record(model, _Action.RETURNED, by=by, at=at, note=reason)
    return model


@transaction.atomic
def retire(*, version: str, reason: str, by: User | None, at: datetime) -> ModelVersion:
    """Put a model that never was champion aside; the champion goes when another takes its place.

    Raises:
        ModelStepError, UnknownModelError
    """
    check_note(reason, is_needed=False)
    model = hold(version, *IN_WORK)
    _move(model, _Stage.RETIRED, at=at)
    record(model, _Action.RETIRED, by=by, at=at, note=reason)
    return model


def promote(*, version: str, instead_of: str, by: User, at: datetime) -> ModelVersion:
    """Make a proposed model the champion at once, in the place of `instead_of` (empty: there is none).

    Raises:
        ModelRefusedError: no process would score with it. The champion goes on.
        ModelStepError: it is not proposed (any more).
        OwnModelError: `by` had it trained or proposed it.
        StaleChampionError: another is champion by now.
        UnknownModelError
    """
    with refusal_on_record(version, by=by, at=at):
        model = hold(version, *IN_WORK)
        if model.proposed_at is None:
            raise ModelStepError(f"Model {version} is not proposed: somebody has to propose it first.")
        check_second_person(model, by, what="promote")
        champion = check_champion(instead_of)
        check_scores(model)
        model.promoted_by, model.promoted_at = by, at
        _replace(champion, model, by=by, at=at)
        record(model, _Action.PROMOTED, by=by, at=at)
    return model


def roll_back(*, version: str, instead_of: str, reason: str, by: User, at: datetime) -> ModelVersion:
    """Bring a former champion back at once, in the place of `instead_of`. No second person is asked.

    Raises:
        ModelRefusedError, ModelStepError, StaleChampionError, UnknownModelError
    """
    check_note(reason)
    with refusal_on_record(version, by=by, at=at):
        model = hold(version, _Stage.RETIRED)
        if model.promoted_at is None:
            raise ModelStepError(f"Model {version} was never champion: propose one that is not retired.")
        champion = check_champion(instead_of)
        # Its scores are known on live payments: another release of the library is no reason to keep it out.
        load_model(model)
        _replace(champion, model, by=by, at=at)
        record(model, _Action.ROLLED_BACK, by=by, at=at, note=reason)
    return model


def promote_model(version: str) -> None:
    """Make a model the champion for whoever runs this deployment: no second person. The champion again is no change.

    For the first model, and for the command line; people in the console propose and `promote`.

    Raises:
        UnknownModelError: nothing changed.
        ModelRefusedError: it would not be loaded by the processes that score; nothing changed.
    """
    at = Now()
    with refusal_on_record(version, by=None, at=at):
        model = hold(version, *ModelVersion.Stage.values)
        check_scores(model)
        if model.stage == _Stage.CHAMPION:
            return
        champion = ModelVersion.objects.filter(stage=_Stage.CHAMPION).first()
        model.promoted_by, model.promoted_at = None, at
        _replace(champion, model, by=None, at=at)
        note = "From the command line" if champion else "There was no champion"
        record(model, _Action.PROMOTED, by=None, at=at, note=note)


def _check_may_challenge(model: ModelVersion, by: User) -> None:
    if by.id == model.requested_by_id:
        raise OwnModelError(f"You had model {model.version} trained: a second person has to give it cards.")
    if not ModelVersion.objects.filter(stage=_Stage.CHAMPION).exists():
        raise ModelStepError("There is no champion to challenge: promote a first model.")
    running = Experiment.objects.filter(end="").only("id").first()
    if running is not None:
        raise ModelStepError(
            f"Experiment {running.id} is running, and its challenger's share stays as it was planned:"
            " end it first, on its page."
        )
    other = ModelVersion.objects.filter(stage=_Stage.CHALLENGER).exclude(id=model.id).first()
    if other is not None:
        raise ModelStepError(f"Model {other.version} is the challenger: send it back first, there is one at a time.")


def _move(model: ModelVersion, stage: str, *, at: Moment, share: float | None = None) -> None:
    # With another share the stage begins anew: what was counted before was of other cards.
    model.stage, model.share, model.stage_since = stage, share, at
    model.save(update_fields=["stage", "share", "stage_since", "promoted_by", "promoted_at"])
    transaction.on_commit(recheck_models)


def _replace(champion: ModelVersion | None, model: ModelVersion, *, by: User | None, at: Moment) -> None:
    if champion is not None:
        _move(champion, _Stage.RETIRED, at=at)
        record(champion, _Action.REPLACED, by=by, at=at, note=f"By model {model.version}")
    _move(model, _Stage.CHAMPION, at=at)


__all__ = [
    "ModelStepError",
    "OwnModelError",
    "UnknownModelError",
    "end_challenger",
    "promote",
    "promote_model",
    "propose",
    "put_in_shadow",
    "retire",
    "roll_back",
    "send_back",
    "set_challenger",
]
