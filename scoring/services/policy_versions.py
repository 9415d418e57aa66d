"""The life of a policy version: drafted, edited, tried in shadow, proposed, published by a second person, brought back.

Each step takes LOCK, so that who comes second sees what the first one did and is told. Once a version is no draft any
more what it says stays; who wants it otherwise goes on with a new draft of the same content.
"""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from scoring.models import Policy, PolicyEvent
from scoring.services.locks import take_lock
from scoring.services.policy import LOCK, StalePolicyError, make_live, next_version, put_in_force, retire, write_parts
from scoring.services.policy_checks import check_content, check_readable, check_version_note
from scoring.services.policy_content import (
    Content,
    Part,
    carry_over,
    changes_between,
    changes_in_words,
    content_of,
    name_of,
)
from scoring.services.policy_guards import (
    IN_WORK,
    TRIED,
    EditedMeanwhileError,
    OwnVersionError,
    WrongStepError,
    check_base,
    check_note,
    check_room,
    check_still,
    hold,
    live_version,
    record,
    who_edited,
)

_Action = PolicyEvent.Action


@transaction.atomic
def draft_policy(*, content: Content, note: str, by: User | None, at: datetime, origin: str = "") -> Policy:
    """Begin a version that says this, to be put in the place of the one in force. `origin`: where it is from.

    Raises:
        ContentError: what is wrong with it.
    """
    live = live_version()
    check_content(content, note=note, at=at, known=content_of(live) if live else None)
    return _new_draft(content, note=note, by=by, at=at, based_on=live, origin=origin)


@transaction.atomic
def draft_copy(*, of: int, note: str, by: User | None, at: datetime) -> Policy:
    """Begin a version that says what version `of` says, to be put in the place of the one in force.

    What is wrong with that by now is for the draft to mend: it is looked at when the draft is saved or goes on.

    Raises:
        ContentError: the note says nothing.
        Policy.DoesNotExist: there is no such version.
    """
    check_version_note(note)
    # So that a draft is copied as it was saved, and not half as it is being saved.
    take_lock(LOCK)
    content = content_of(Policy.objects.get(version=of))
    origin = f"A copy of version {of}"
    return _new_draft(content, note=note, by=by, at=at, based_on=live_version(), origin=origin)


@transaction.atomic
def edit_draft(*, version: int, revision: int, content: Content, note: str, by: User | None, at: datetime) -> Policy:
    """Let a draft say this instead. `revision`: the one that was edited. Nothing is done where nothing changed.

    Raises:
        ContentError: what is wrong with it.
        EditedMeanwhileError: there is a newer revision.
        WrongStepError: the version is no draft.
    """
    policy = hold(version, Policy.Status.DRAFT)
    if policy.revision != revision:
        raise EditedMeanwhileError(who_edited(policy))
    before = content_of(policy)
    check_content(content, note=note, at=at, known=before)
    changes = changes_between(before, content)
    if not changes and note == policy.note:
        return policy
    _write(policy, content, note=note, revision=revision + 1)
    words = changes_in_words(changes) or "The note"
    record(policy, _Action.EDITED, by=by, at=at, note=words)
    return policy


@transaction.atomic
def put_in_shadow(*, version: int, by: User | None, at: datetime, revision: int | None = None) -> Policy:
    """Have a draft judge the payments that come, without any effect. From here on what it says stays.

    `revision`: the one that was looked at; whatever there is when it is not given.

    Raises:
        ContentError, EditedMeanwhileError, TooManyInShadowError, WrongStepError
    """
    policy = hold(version, Policy.Status.DRAFT)
    _check_seen(policy, revision)
    _begin_trial(policy, at=at)
    policy.status, policy.shadow_since = Policy.Status.SHADOW, at
    policy.save(update_fields=["status", "shadow_since"])
    record(policy, _Action.SHADOWED, by=by, at=at)
    return policy


@transaction.atomic
def propose(*, version: int, note: str, by: User, at: datetime, revision: int | None = None) -> Policy:
    """Ask a second person to publish a draft or a version in shadow. It goes on (or begins) judging in shadow.

    Raises:
        ContentError, EditedMeanwhileError, StalePolicyError, TooManyInShadowError, WrongStepError
    """
    policy = hold(version, Policy.Status.DRAFT, Policy.Status.SHADOW)
    _check_seen(policy, revision)
    check_note(note, is_needed=False)
    check_base(policy, live_version())
    if policy.status == Policy.Status.DRAFT:
        _begin_trial(policy, at=at)
        policy.shadow_since = at
    policy.status, policy.proposed_by, policy.proposed_at = Policy.Status.PROPOSED, by, at
    policy.save(update_fields=["status", "shadow_since", "proposed_by", "proposed_at"])
    record(policy, _Action.PROPOSED, by=by, at=at, note=note)
    return policy


@transaction.atomic
def send_back(*, version: int, reason: str, by: User | None, at: datetime) -> Policy:
    """Take a version in shadow or proposed back to be changed: returns a new draft of the same author and content.

    Raises:
        ContentError: no reason is given.
        WrongStepError: it is not there.
    """
    policy = hold(version, *TRIED)
    check_note(reason)
    _end(policy, _Action.RETURNED, by=by, at=at, note=reason)
    origin = f"Version {version} was sent back: {reason}"
    return _new_draft(
        content_of(policy), note=policy.note, by=by, at=at, based_on=policy.based_on,
        origin=origin, continues=policy,
    )  # fmt: skip


@transaction.atomic
def publish(*, version: int, by: User, at: datetime) -> Policy:
    """Put a proposed version in force at once, in the place of the one it was made from.

    Raises:
        ContentError: it cannot be read any more.
        OwnVersionError: `by` wrote or proposed it.
        StalePolicyError: another version was published meanwhile.
        WrongStepError: it is not proposed (any more).
    """
    policy = hold(version, Policy.Status.PROPOSED)
    if by.id in {policy.proposed_by_id, *authors_of(policy)}:
        raise OwnVersionError(f"You wrote or proposed version {version}: a second person has to publish it.")
    live = live_version()
    check_base(policy, live)
    check_readable(content_of(policy).rules)
    if live:
        retire(live, by=by, at=at)
    put_in_force(policy, by=by, at=at)
    return policy


@transaction.atomic
def roll_back(*, version: int, instead_of: int, reason: str, by: User, at: datetime) -> Policy:
    """Bring a version that was in force back at once, in the place of `instead_of`. No second person is asked.

    Raises:
        ContentError: no reason is given, or it cannot be read any more.
        StalePolicyError: another version than `instead_of` is in force by now.
        WrongStepError: the version was never in force, or is.
    """
    policy = hold(version, Policy.Status.RETIRED)
    check_note(reason)
    live = live_version()
    if live is None or live.version != instead_of:
        raise StalePolicyError(f"Version {live.version if live else 0} is in force by now; look at it first.")
    if not policy.events.filter(action=_Action.PUBLISHED).exists():
        raise WrongStepError(f"Version {version} was never in force.")
    check_readable(content_of(policy).rules)
    retire(live, by=by, at=at)
    make_live(policy)
    record(policy, _Action.ROLLED_BACK, by=by, at=at, note=reason)
    return policy


@transaction.atomic
def discard(*, version: int, reason: str, by: User | None, at: datetime) -> Policy:
    """Put a version that never was in force aside for good.

    Raises:
        ContentError: the reason cannot be stored.
        WrongStepError: it is not in work.
    """
    policy = hold(version, *IN_WORK)
    check_note(reason, is_needed=False)
    _end(policy, _Action.DISCARDED, by=by, at=at, note=reason)
    return policy


@transaction.atomic
def rebase(*, version: int, by: User | None, at: datetime) -> tuple[Policy, list[str]]:
    """Carry what a version changes over to a new draft of the one that is in force by now; the old one is discarded.

    Returns the draft and the names of the parts that both changed: there the version in force stands.

    Raises:
        WrongStepError: it is not in work, or it is of the version in force.
    """
    policy = hold(version, *IN_WORK)
    live = live_version()
    if live is None or policy.based_on_id == live.id:
        raise WrongStepError(f"Version {version} is made from the version in force: there is nothing to carry over.")
    content, conflicts = _carried(policy, live)
    draft = _new_draft(
        content, note=policy.note, by=by, at=at, based_on=live,
        origin=_words_of_rebase(policy, live, conflicts), continues=policy,
    )  # fmt: skip
    _end(policy, _Action.DISCARDED, by=by, at=at, note=f"Carried over to version {draft.version}")
    return draft, [name_of(part) for part in conflicts]


def authors_of(policy: Policy) -> set[int]:
    """Ids of who drafted or edited a version, or one whose text it goes on with."""
    line = [policy]
    while before := line[-1].continues:
        line.append(before)
    edited = PolicyEvent.objects.filter(policy__in=line, action=_Action.EDITED, by__isnull=False)
    drafted = {one.created_by_id for one in line if one.created_by_id is not None}
    return drafted | set(edited.values_list("by_id", flat=True))


def _new_draft(
    content: Content, *, note: str, by: User | None, at: datetime, based_on: Policy | None, origin: str,
    continues: Policy | None = None,
) -> Policy:  # fmt: skip
    author = continues.created_by if continues else by
    policy = Policy(
        version=next_version(), based_on=based_on, continues=continues, created_by=author, created_at=at
    )  # fmt: skip
    _write(policy, content, note=note, revision=0)
    record(policy, _Action.CREATED, by=by, at=at, note=origin)
    return policy


def _check_seen(policy: Policy, revision: int | None) -> None:
    if revision is not None and policy.revision != revision:
        raise EditedMeanwhileError("The draft was changed since this page was opened: look at what it says now.")


def _write(policy: Policy, content: Content, *, note: str, revision: int) -> None:
    policy.review_threshold, policy.decline_threshold = content.review_threshold, content.decline_threshold
    policy.review_points, policy.decline_points = content.review_points, content.decline_points
    policy.note, policy.revision = note, revision
    policy.save()
    write_parts(policy, rules=content.rules, bands=content.bands, lists=content.lists or {})


def _end(policy: Policy, action: str, *, by: User | None, at: datetime, note: str) -> None:
    policy.status = Policy.Status.DISCARDED
    policy.save(update_fields=["status"])
    record(policy, action, by=by, at=at, note=note)


def _begin_trial(policy: Policy, *, at: datetime) -> None:
    check_still(policy, at=at)
    check_room()


def _carried(policy: Policy, live: Policy) -> tuple[Content, list[Part]]:
    base = content_of(policy.based_on) if policy.based_on else None
    return carry_over(base=base, mine=content_of(policy), live=content_of(live))


def _words_of_rebase(policy: Policy, live: Policy, conflicts: list[Part]) -> str:
    words = f"The changes of version {policy.version} carried over to version {live.version}"
    if not conflicts:
        return words
    return f"{words}, but for what both changed, which stayed as it is in force: {', '.join(map(name_of, conflicts))}"
