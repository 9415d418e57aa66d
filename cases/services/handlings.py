"""Handling times: a row for each claim. Claims are taken and ended under the lock of the case's row."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User

from cases.models import Handling
from cases.queries.sight import sight_of_reviewer


def start(case_id: UUID, *, analyst: User, now: datetime, is_looking: bool) -> None:
    """Begin the handling; `is_looking` says that the analyst has the page open already."""
    viewed_at = now if is_looking else None
    variant = sight_of_reviewer(analyst).variant_of(case_id)
    Handling.objects.create(
        case_id=case_id, analyst=analyst, claimed_at=now, first_viewed_at=viewed_at, variant=variant
    )


def record_first_view(case_id: UUID, *, analyst: User, now: datetime) -> None:
    """Remember the analyst's first look after the claim; later looks change nothing."""
    running = Handling.objects.filter(case_id=case_id, analyst=analyst, ended_at=None)
    running.filter(first_viewed_at=None).update(first_viewed_at=now)


def running_of(case_id: UUID) -> Handling | None:
    """The handling that has not ended; None for a free case."""
    return Handling.objects.filter(case_id=case_id, ended_at=None).first()


def was_released(case_id: UUID) -> bool:
    """Say whether the last claim of the case was given back or on, or put to sleep, by its holder or by a lead."""
    last = Handling.objects.filter(case_id=case_id).order_by("-id").first()
    ending = Handling.Ending
    given_back = {ending.RELEASED, ending.SKIPPED, ending.ESCALATED, ending.SNOOZED}
    return last is not None and last.ending in given_back


def end(case_ids: Collection[UUID], *, ending: Handling.Ending, now: datetime) -> None:
    """End what is running on the cases."""
    Handling.objects.filter(case_id__in=case_ids, ended_at=None).update(ended_at=now, ending=ending)


def resume(case_id: UUID, *, analyst: User, ended_at: datetime) -> bool:
    """Let the handling go on that a verdict ended at that time; False when the analyst had none."""
    ended = Handling.objects.filter(case_id=case_id, analyst=analyst, ended_at=ended_at)
    return bool(ended.filter(ending=Handling.Ending.VERDICT).update(ended_at=None, ending=""))
