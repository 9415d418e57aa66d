"""What a step of a policy version has to find: the errors that say it did not, and the looking."""

from datetime import datetime

from django.contrib.auth.models import User

from scoring.models import Policy, PolicyEvent
from scoring.services.locks import take_lock
from scoring.services.policy import LOCK, StalePolicyError
from scoring.services.policy_checks import ContentError, ContentFault, check_content, check_text
from scoring.services.policy_content import content_of

MAX_IN_SHADOW = 3
TRIED = (Policy.Status.SHADOW, Policy.Status.PROPOSED)
IN_WORK = (Policy.Status.DRAFT, *TRIED)
_MOST_NOTE = PolicyEvent._meta.get_field("note").max_length or 0
_Action = PolicyEvent.Action


class WrongStepError(Exception):
    """The version is not where this step begins: somebody was faster, or it was never there. Nothing changed."""


class EditedMeanwhileError(Exception):
    """Somebody saved the draft since it was opened. Theirs stands; nothing changed."""


class TooManyInShadowError(Exception):
    """As many versions as may be are tried already; nothing changed."""


class OwnVersionError(Exception):
    """The version is to be published by somebody who did not write or propose it; nothing changed."""


def live_version() -> Policy | None:
    """None before the first was published."""
    return Policy.objects.filter(status=Policy.Status.LIVE).first()


def hold(version: int, *statuses: str) -> Policy:
    """The version, with everybody else kept waiting to the end of the transaction."""
    take_lock(LOCK)
    policy = Policy.objects.select_for_update(of=["self"]).get(version=version)
    if policy.status not in statuses:
        last = policy.events.select_related("by").order_by("-happened_at", "-id").first()
        who = f"; {last.by or 'somebody'} {last.get_action_display().lower()} it" if last else ""
        raise WrongStepError(f"Version {version} is {policy.get_status_display().lower()} by now{who}.")
    return policy


def record(policy: Policy, action: str, *, by: User | None, at: datetime, note: str = "") -> None:
    """Leave a trace."""
    PolicyEvent.objects.create(policy=policy, action=action, by=by, happened_at=at, note=note[:_MOST_NOTE])


def check_room() -> None:
    """Raises: TooManyInShadowError."""
    tried = list(Policy.objects.filter(status__in=TRIED).order_by("version").values_list("version", flat=True))
    if len(tried) >= MAX_IN_SHADOW:
        names = ", ".join(map(str, tried))
        raise TooManyInShadowError(
            f"Versions {names} are in shadow or proposed, and at most {MAX_IN_SHADOW} may be: discard one first."
        )


def check_still(policy: Policy, *, at: datetime) -> None:
    """Look at all of it again, for a release can have changed the language since. Raises: ContentError."""
    content = content_of(policy)
    check_content(content, note=policy.note, at=at, known=content)


def check_base(policy: Policy, live: Policy | None) -> None:
    """Raises: StalePolicyError: the version is not made from the one in force."""
    if policy.based_on_id == (live.id if live else None):
        return
    since = policy.based_on.version if policy.based_on else 0
    news = PolicyEvent.objects.filter(action__in=[_Action.PUBLISHED, _Action.ROLLED_BACK])
    news = news.exclude(action=_Action.PUBLISHED, policy=policy.based_on)
    told = news.filter(happened_at__gt=policy.created_at).select_related("policy", "by").order_by("happened_at", "id")
    words = ", ".join(
        f"version {event.policy.version} was {event.get_action_display().lower()} by {event.by or 'the system'}"
        for event in list(told)[-3:]
    )
    raise StalePolicyError(
        f"Version {policy.version} was made from version {since}, but meanwhile {words or 'another one was published'}."
        " Look at what changed, and carry this version's changes over to a draft of the one in force."
    )


def check_note(note: str, *, is_needed: bool = True) -> None:
    """Raises: ContentError."""
    faults = list(check_text("", "reason", note))
    if (is_needed and not note.strip()) or len(note) > _MOST_NOTE:
        faults.append(ContentFault("", "reason", f"Say why, in up to {_MOST_NOTE} characters."))
    if faults:
        raise ContentError(faults)


def who_edited(policy: Policy) -> str:
    """What the slower of two editors is told."""
    last = policy.events.filter(action=_Action.EDITED).select_related("by").order_by("-happened_at", "-id").first()
    what = f" by {last.by or 'somebody'} ({last.note})" if last else ""
    return (
        f"Version {policy.version} was changed{what} since you opened it. Your text is below and is not saved: open the"
        " draft again in another window, compare, and enter what is yours there."
    )
