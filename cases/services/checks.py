"""Blind second reviews and known cases: drawn at the verdict, handed out between ordinary cases, recorded apart.

What is said in one changes no label and has no effect.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, Func, IntegerField, JSONField, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat

from cases import chance, words
from cases.hands import key_id_of
from cases.models import Case, CaseEvent, Check, FirstVerdict, Handling, Queue, ReviewSettings
from cases.queries.hands import named, people_behind, people_behind_actor
from cases.queries.queues import desk_of
from cases.queries.sight import sight_of_reviewer
from cases.services import claims
from cases.services.review_settings import current_settings

# A second review says how work is done now: what has waited longer is let go.
WAITS_AT_MOST = timedelta(days=14)


class NotHeldError(Exception):
    """The review has ended, or somebody else has it; nothing changed."""


class SamePersonError(PermissionDenied):
    """Who stands behind the first verdict stands behind the review too, through an API key; nothing was recorded.

    Its words do not tell that a verdict was given.
    """

    def __init__(self, people: Sequence[User]) -> None:
        said = words.listed([words.person(one) for one in people])
        stand = "stands" if len(people) == 1 else "stand"
        super().__init__(
            f"{said} may not work on this case, and {stand} behind this call or the one that claimed it: by acting, or"
            " by having made or rotated the API key. Nothing was recorded. Go on in the console or by a key that"
            " somebody else made, or release the case."
        )


def consider(  # noqa: PLR0913 - each is a property of the verdict
    case: Case, *, analyst: User, verdict: str, typology: str, decided_at: datetime, api_key_id: int | None = None
) -> None:
    """Remember a case's first final verdict and draw whether somebody else reviews it too. Twice changes nothing.

    The draw follows from the desk's salt and the case, so nobody steers it and an auditor can make it again.
    api_key_id: the key the verdict was said by.
    """
    handling = _handling_of(case, analyst=analyst)
    _, is_first = FirstVerdict.objects.get_or_create(
        case=case,
        defaults={
            "analyst": analyst,
            "verdict": verdict,
            "typology": typology,
            "decided_at": decided_at,
            "variant": handling.variant if handling else "",
            "seconds": _seconds(handling) if handling else None,
        },
    )
    if not is_first:
        return
    share = current_settings()
    if chance.fraction(share.salt, "second", case.id) < share.second_share:
        Check.objects.create(
            case=case,
            kind=Check.Kind.SECOND,
            expected=verdict,
            expected_typology=typology,
            first_analyst=analyst,
            first_people=sorted(people_behind(analyst.pk, api_key_id)),
            as_of=decided_at,
            probability=share.second_share,
            made_at=decided_at,
        )


def _handling_of(case: Case, *, analyst: User) -> Handling | None:
    ended = Handling.objects.filter(case=case, analyst=analyst, ending=Handling.Ending.VERDICT)
    return ended.order_by("-id").first()


def _seconds(handling: Handling) -> float:
    assert handling.ended_at is not None  # a constraint
    # A logarithm is taken of it: nobody decides in less than a tenth of a second.
    return max(0.1, (handling.ended_at - (handling.first_viewed_at or handling.claimed_at)).total_seconds())


def take_next(*, analyst: User, now: datetime, draw: float, queue: Queue | None = None) -> Check | None:
    """Now and then give a review instead of the next case; `draw` is a random number, 0-1. None: an ordinary case.

    Never to who gave the first verdict, made the key it was given by, or has ever had the case open. Only from the
    analyst's queues, or from the one asked for, and only while an ordinary case waits there too: else the case that
    comes out of an empty queue would be known for what it is. Two who ask at once get two reviews.
    """
    kind = _kind_for(draw, current_settings())
    if kind is None:
        return None
    worked = desk_of(analyst).worked
    queue_ids = worked if queue is None else worked & {queue.id}
    if not _waits_an_ordinary_case(queue_ids, now):
        return None
    try:
        return _take(kind, queue_ids, analyst=analyst, now=now)
    except IntegrityError:
        # The analyst asked twice at once, and has one.
        return None


def _kind_for(draw: float, share: ReviewSettings) -> Check.Kind | None:
    if draw < share.known_rate:
        return Check.Kind.KNOWN
    return Check.Kind.SECOND if draw < share.known_rate + share.second_rate else None


def _waits_an_ordinary_case(queue_ids: Collection[int], now: datetime) -> bool:
    free = claims.unclaimed(now) & claims.awake(now)
    return Case.objects.filter(free, status=Case.Status.OPEN, queue__in=queue_ids).exists()


@transaction.atomic
def _take(kind: Check.Kind, queue_ids: Collection[int], *, analyst: User, now: datetime) -> Check | None:
    if Check.objects.filter(analyst=analyst, decided_at=None).exists():
        return None
    waiting = _waiting_for(analyst, now).filter(kind=kind, case__queue__in=queue_ids).order_by("made_at", "id")
    check = waiting.select_for_update(of=("self",), skip_locked=True).first()
    if check is not None:
        variant = sight_of_reviewer(analyst).variant_of(check.case_id)
        check.analyst, check.taken_at, check.taken_until, check.variant = analyst, now, _lease_from(now), variant
        check.api_key_id, check.note, check.notes = key_id_of(analyst), "", []
        check.reviewer_people = sorted(people_behind_actor(analyst))
        given = ["analyst", "taken_at", "taken_until", "variant", "api_key", "note", "notes", "reviewer_people"]
        check.save(update_fields=given)
        check.handed_to.add(analyst)
    return check


def _waiting_for(analyst: User, now: datetime) -> QuerySet[Check]:
    knows = CaseEvent.objects.filter(case=OuterRef("case"), actor=analyst)
    free = Q(analyst=None) | Q(taken_until__lt=now)
    waiting = Check.objects.filter(free, ~Exists(knows), decided_at=None, made_at__gt=now - WAITS_AT_MOST)
    people = people_behind_actor(analyst)
    by_others = Q(first_analyst=None) | ~Q(first_analyst__in=people)
    of_others = Q(first_people=None) | ~Q(first_people__overlap=sorted(people))
    return waiting.filter(by_others, of_others, case__status=Case.Status.DECIDED)


def _lease_from(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.CLAIM_LEASE_SECONDS)


def held_by(user: User, *, case_id: UUID) -> Check | None:
    """The review of this case the user works on. One that has run out stays theirs until it is taken back."""
    held = Check.objects.filter(analyst=user, decided_at=None, case_id=case_id)
    return held.select_related("case__queue__escalates_to", "analyst", "api_key").first()


def was_taken_back(user: User, *, case_id: UUID) -> bool:
    """Whether the user let go of a review of this case, or it ran out, and they have not read the case since."""
    return Check.objects.filter(case_id=case_id, handed_to=user).exclude(analyst=user).exists()


def remember_reading(user: User, *, case_id: UUID) -> None:
    """The user reads the case as it is: what they do from now on they know. Twice changes nothing."""
    Check.handed_to.through.objects.filter(user=user, check__case=case_id).exclude(check__analyst=user).delete()


def renew(check: Check, *, now: datetime) -> None:
    """Raises: NotHeldError."""
    until = _lease_from(now)
    _change(check, taken_until=until)
    check.taken_until = until


def add_note(check: Check, *, author: User, text: str, now: datetime) -> None:
    """Keep what the reviewer writes with the review; the case's own notes stay as they were.

    Raises:
        NotHeldError, SamePersonError: nothing was kept.
    """
    people = _people_going_on(check, author)
    assert check.taken_at is not None  # somebody holds it
    # What was written before the taking is not shown: a clock that is a little behind hides no note.
    one = {"at": max(now, check.taken_at).isoformat(), "api_key": key_id_of(author), "text": text}
    appended = Func(F("notes"), Value([one], JSONField()), template="%(expressions)s", arg_joiner=" || ")
    _change(check, note=Concat(F("note"), Value(f"{text}\n")), notes=appended, reviewer_people=people)


def give_back(check: Check) -> None:
    """Leave the review to somebody else: who has seen the case does not get it again. Twice changes nothing."""
    _held(check).update(analyst=None, taken_at=None, taken_until=None)


def return_expired(*, now: datetime) -> int:
    """Take back the reviews whose reviewer left. Returns how many. Safe to run twice."""
    expired = Check.objects.filter(decided_at=None, taken_until__lt=now)
    return expired.update(analyst=None, taken_at=None, taken_until=None)


def record(  # noqa: PLR0913 - each is a property of the verdict
    check: Check, *, reviewer: User, verdict: str, typology: str, note: str, decided_at: datetime
) -> None:
    """Record what the reviewer says. No label, no effect, no event of the case.

    Raises:
        NotHeldError: the review was taken back meanwhile; nothing was recorded.
        SamePersonError: somebody stands behind the first verdict too; nothing was recorded.
    """
    people = _people_going_on(check, reviewer)
    said: dict[str, Any] = {
        "verdict": verdict,
        "typology": typology,
        "decided_at": decided_at,
        "agrees": verdict == check.expected,
    }
    said |= {"api_key": key_id_of(reviewer), "reviewer_people": people}
    if note:
        said["note"] = Concat(F("note"), Value(note))
    _change(check, **said)


def _people_going_on(check: Check, actor: User) -> Func:
    """Who stands behind the review, the actor among them; none of them stands behind the first verdict.

    Raises: SamePersonError.
    """
    assert check.analyst_id is not None  # somebody holds it
    people = people_behind(check.analyst_id, check.api_key_id) | people_behind_actor(actor)
    if both := people & {check.first_analyst_id, *(check.first_people or ())}:
        raise SamePersonError(named(both))
    known, them = F("reviewer_people"), Value(sorted(people), ArrayField(IntegerField()))
    # Two keys may note at once: neither forgets the other's people. NULL || them is them.
    union = "ARRAY(SELECT DISTINCT unnest(%(expressions)s) ORDER BY 1)"
    return Func(known, them, template=union, arg_joiner=" || ", output_field=ArrayField(IntegerField()))


def _change(check: Check, **values: object) -> None:
    if not _held(check).update(**values):
        raise NotHeldError(check.id)


def _held(check: Check) -> QuerySet[Check]:
    return Check.objects.filter(id=check.id, analyst=check.analyst, taken_at=check.taken_at, decided_at=None)
