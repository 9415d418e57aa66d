"""The steps a policy version can take next, for whom, and what each does."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User

from scoring.models import Policy
from scoring.services import policy_versions as versions
from scoring.services.policy_guards import IN_WORK, TRIED

CHANGE, PUBLISH = "scoring.change_policy", "scoring.publish_policy"
_DRAFT, _SHADOW, _PROPOSED = Policy.Status.DRAFT, Policy.Status.SHADOW, Policy.Status.PROPOSED


@dataclass(frozen=True)
class Sent:
    """Who takes a step when, with which words; `live`: the version in force on the page, `revision`: the one shown."""

    by: User
    at: datetime
    note: str
    live: int
    revision: int | None = None


@dataclass(frozen=True)
class Step:
    """A way on from some statuses. `asks`: the words it wants, if any; `needs_words`: it does not go without.

    take: returns the version to show then. done: what is said of it.
    """

    name: str
    title: str
    words: str
    permission: str
    statuses: tuple[str, ...]
    take: Callable[[int, Sent], Policy]
    done: str
    asks: str = ""
    needs_words: bool = False
    kind: str = ""


@dataclass(frozen=True)
class Offer:
    """A step from where a version is. `refused`: why the person looking cannot take it; empty when they can."""

    step: Step
    refused: str


def _rebased(version: int, sent: Sent) -> Policy:
    return versions.rebase(version=version, by=sent.by, at=sent.at)[0]


def _published(version: int, sent: Sent) -> Policy:
    return versions.publish(version=version, by=sent.by, at=sent.at)


def _rolled_back(version: int, sent: Sent) -> Policy:
    return versions.roll_back(version=version, instead_of=sent.live, reason=sent.note, by=sent.by, at=sent.at)


def _in_shadow(version: int, sent: Sent) -> Policy:
    return versions.put_in_shadow(version=version, by=sent.by, at=sent.at, revision=sent.revision)


def _proposed(version: int, sent: Sent) -> Policy:
    return versions.propose(version=version, note=sent.note, by=sent.by, at=sent.at, revision=sent.revision)


def _sent_back(version: int, sent: Sent) -> Policy:
    return versions.send_back(version=version, reason=sent.note, by=sent.by, at=sent.at)


def _discarded(version: int, sent: Sent) -> Policy:
    return versions.discard(version=version, reason=sent.note, by=sent.by, at=sent.at)


REBASE, ROLL_BACK = "rebase", "roll-back"
STEPS = {
    step.name: step
    for step in (
        Step(
            "publish", "Publish", "Put it in force at once, for every payment from then on.", PUBLISH, (_PROPOSED,),
            _published, "Version {version} is in force: every process follows within 5 seconds.", kind="primary",
        ),
        Step(
            "propose", "Propose", "Ask a second person to publish it. What it says stays from here on.", CHANGE,
            (_DRAFT, _SHADOW), _proposed, "Version {version} is proposed: a second person can publish it.",
            asks="Why should it be published?", kind="primary",
        ),
        Step(
            "shadow", "Put in shadow", "It judges the payments that come, without any effect. What it says stays.",
            CHANGE, (_DRAFT,), _in_shadow, "Version {version} judges in shadow from now on.",
        ),
        Step(
            REBASE, "Carry its changes over", "A new draft of the version in force with what this one changes; this"
            " one is discarded.", CHANGE, IN_WORK, _rebased, "The changes stand in version {version}, a new draft.",
        ),
        Step(
            "send-back", "Send back", "It leaves the shadow, and goes on as a new draft that can be changed.", CHANGE,
            TRIED, _sent_back, "It goes on as version {version}, a draft.", asks="What should be changed?",
            needs_words=True,
        ),
        Step(
            "discard", "Discard", "It is put aside for good, and stays on record.", CHANGE, IN_WORK, _discarded,
            "Version {version} is discarded.", asks="Why? (can be left out)",
        ),
        Step(
            ROLL_BACK, "Roll back to this version", "Put it in force again at once; no second person is asked.",
            PUBLISH, (Policy.Status.RETIRED,), _rolled_back,
            "Version {version} is in force again: every process follows within 5 seconds.", asks="Why?",
            needs_words=True, kind="danger",
        ),
    )
}  # fmt: skip


def offers_for(policy: Policy, user: User, *, live: Policy | None, authors: set[int]) -> list[Offer]:
    """The steps from where the version is, those the person cannot take with the reason."""
    return [
        Offer(step, _refused(step, policy, user, live=live, authors=authors))
        for step in STEPS.values()
        if policy.status in step.statuses and _fits(step, policy, live)
    ]


def is_stale(policy: Policy, live: Policy | None) -> bool:
    """Say whether another version came in force since this one, still in work, was begun."""
    return policy.status in IN_WORK and policy.based_on_id != (live.id if live else None)


def _fits(step: Step, policy: Policy, live: Policy | None) -> bool:
    if step.name == REBASE:
        return is_stale(policy, live)
    return step.name != ROLL_BACK or policy.published_at is not None


def _refused(step: Step, policy: Policy, user: User, *, live: Policy | None, authors: set[int]) -> str:
    if not user.has_perm(step.permission):
        return "This is for managers."
    if step.name in ("publish", "propose") and is_stale(policy, live):
        return "Another version came in force since it was begun: carry its changes over first."
    if step.name == "publish" and user.id in {policy.proposed_by_id, *authors}:
        return "You wrote or proposed it: a second person has to publish it."
    return ""
