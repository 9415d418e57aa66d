"""The steps a model can take next, for whom, and what each does."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User

from scoring.models import Experiment, ModelVersion
from scoring.services import model_stages as stages

CHANGE, PROMOTE = "scoring.change_modelversion", "scoring.promote_modelversion"
_Stage = ModelVersion.Stage
_CANDIDATE, _SHADOW, _CHALLENGER = _Stage.CANDIDATE, _Stage.SHADOW, _Stage.CHALLENGER
_FOLLOWED = "every process follows within 5 seconds."


@dataclass(frozen=True)
class Sent:
    """Who takes a step when, with which words; `champion`: the one on the page. share: 0-1 of the cards."""

    by: User
    at: datetime
    note: str = ""
    champion: str = ""
    share: float | None = None


@dataclass(frozen=True)
class Step:
    """A way on from some stages. `asks`: the words it wants, if any; `needs_words`: it does not go without.

    confirms: said before it is taken, for what is felt at once. done: what is said of it.
    """

    name: str
    title: str
    words: str
    permission: str
    stages: tuple[str, ...]
    take: Callable[[str, Sent], ModelVersion]
    done: str
    asks: str = ""
    needs_words: bool = False
    asks_share: bool = False
    confirms: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Offer:
    """A step from where a model is. `refused`: why the person looking cannot take it; empty when they can."""

    step: Step
    refused: str


def _promoted(version: str, sent: Sent) -> ModelVersion:
    return stages.promote(version=version, instead_of=sent.champion, by=sent.by, at=sent.at)


def _proposed(version: str, sent: Sent) -> ModelVersion:
    return stages.propose(version=version, note=sent.note, by=sent.by, at=sent.at)


def _in_shadow(version: str, sent: Sent) -> ModelVersion:
    return stages.put_in_shadow(version=version, by=sent.by, at=sent.at)


def _challenging(version: str, sent: Sent) -> ModelVersion:
    return stages.set_challenger(version, sent.share or 0.0, by=sent.by, at=sent.at)


def _cards_taken_back(version: str, sent: Sent) -> ModelVersion:
    return stages.end_challenger(version, reason=sent.note, by=sent.by, at=sent.at)


def _sent_back(version: str, sent: Sent) -> ModelVersion:
    return stages.send_back(version=version, reason=sent.note, by=sent.by, at=sent.at)


def _retired(version: str, sent: Sent) -> ModelVersion:
    return stages.retire(version=version, reason=sent.note, by=sent.by, at=sent.at)


def _rolled_back(version: str, sent: Sent) -> ModelVersion:
    return stages.roll_back(
        version=version, instead_of=sent.champion, reason=sent.note, by=sent.by, at=sent.at
    )  # fmt: skip


STEPS = {
    step.name: step
    for step in (
        Step(
            "promote", "Promote", "It becomes the champion and decides for every card that is no challenger's; the"
            " champion of now is retired, and can be brought back in one click.", PROMOTE,
            (_CANDIDATE, _SHADOW, _CHALLENGER), _promoted, f"Model {{version}} is the champion: {_FOLLOWED}",
            confirms="I have looked at its figures beside the champion's.", kind="primary",
        ),
        Step(
            "propose", "Propose", "Ask a second person to promote it. It goes on with what it does meanwhile.", CHANGE,
            (_CANDIDATE, _SHADOW, _CHALLENGER), _proposed, "Model {version} is proposed: a second person can promote"
            " it.", asks="Why should it decide?", needs_words=True, kind="primary",
        ),
        Step(
            "shadow", "Put in shadow", "It scores every payment as it is decided, after the fact and without any"
            " effect.", CHANGE, (_CANDIDATE,), _in_shadow, "Model {version} scores in shadow from now on.",
        ),
        Step(
            "challenge", "Give it a share of the cards", "It decides about the payments of these cards from now on, the"
            " champion about all others. Which cards: a lot that is drawn once and stays.", CHANGE,
            (_CANDIDATE, _SHADOW, _CHALLENGER), _challenging, f"Model {{version}} decides for its cards: {_FOLLOWED}",
            asks_share=True, confirms="It decides about real payments.",
        ),
        Step(
            "end-challenge", "Take its cards back", "The champion decides for all cards again; it stays a candidate.",
            CHANGE, (_CHALLENGER,), _cards_taken_back, f"Model {{version}} has no cards any more: {_FOLLOWED}",
            asks="Why?", needs_words=True,
        ),
        Step(
            "send-back", "Send back", "It is a candidate again: not proposed, not in shadow, without cards.", CHANGE,
            (_CANDIDATE, _SHADOW, _CHALLENGER), _sent_back, "Model {version} is a candidate again.", asks="Why?",
            needs_words=True,
        ),
        Step(
            "retire", "Retire", "It is put aside for good, and stays on record.", CHANGE,
            (_CANDIDATE, _SHADOW, _CHALLENGER), _retired, "Model {version} is retired.",
            asks="Why? (can be left out)",
        ),
        Step(
            "roll-back", "Roll back to this model", "It becomes the champion again at once; no second person is asked.",
            PROMOTE, (_Stage.RETIRED,), _rolled_back, f"Model {{version}} is the champion again: {_FOLLOWED}",
            asks="Why?", needs_words=True, kind="danger",
        ),
    )
}  # fmt: skip


def offers_for(model: ModelVersion, user: User, *, running: Experiment | None = None) -> list[Offer]:
    """The steps from where the model is, those the person cannot take with the reason. running: the experiment."""
    return [
        Offer(step, _refused(step, model, user, running))
        for step in STEPS.values()
        if model.stage in step.stages and _fits(step, model)
    ]


def _fits(step: Step, model: ModelVersion) -> bool:
    is_proposed = model.proposed_at is not None
    if step.name in ("promote", "propose"):
        return is_proposed == (step.name == "promote")
    if step.name == "send-back":
        return is_proposed or model.stage != _CANDIDATE
    return step.name != "roll-back" or model.promoted_at is not None


def _refused(step: Step, model: ModelVersion, user: User, running: Experiment | None) -> str:
    if not user.has_perm(step.permission):
        return "This is for managers."
    if step.name == "challenge" and running is not None:
        return f"Experiment {running.id} is running: shares stay as they were planned until it ends."
    if step.name in ("promote", "challenge") and user.id == model.requested_by_id:
        return "You had it trained: this is for a second person."
    if step.name == "promote" and user.id == model.proposed_by_id:
        return "You proposed it: a second person has to promote it."
    return ""
