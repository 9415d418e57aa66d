"""Puts tags on cases and takes them off."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from cases.models import Case, CaseEvent, CaseTag, Tag

MAX_TAGS = 20


class TooManyTagsError(Exception):
    """The case would have more than 20; nothing changed."""


@transaction.atomic
def add_tags(*, case: Case, names: Sequence[str], author: User, now: datetime) -> list[str]:
    """Put tags (as `cases.tags.names_in` reads them) on the case; returns those it did not have.

    Raises:
        TooManyTagsError: none was added.
    """
    # Locked, so that two people together do not put more on it than either might.
    Case.objects.select_for_update().only("id").get(id=case.id)
    present = set(CaseTag.objects.filter(case=case).values_list("tag__name", flat=True))
    new = [name for name in names if name not in present]
    if len(present) + len(new) > MAX_TAGS:
        raise TooManyTagsError(case.id)
    if not new:
        return []
    # In one order, so that two people who use the same new words do not wait for each other.
    Tag.objects.bulk_create(
        [Tag(name=name, used_at=now) for name in sorted(new)],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["used_at"],
    )
    CaseTag.objects.bulk_create(
        CaseTag(case=case, tag=tag, added_by=author, added_at=now) for tag in Tag.objects.filter(name__in=new)
    )
    _remember(case, f"added {', '.join(new)}", actor=author, now=now)
    return new


@transaction.atomic
def change_tags(*, case: Case, add: Sequence[str], remove: Sequence[str], actor: User, now: datetime) -> None:
    """Take tags off and put others on, all or nothing.

    Raises:
        TooManyTagsError: nothing changed.
    """
    # The lock of `add_tags`, before the first row goes.
    Case.objects.select_for_update().only("id").get(id=case.id)
    for name in remove:
        remove_tag(case=case, name=name, actor=actor, now=now)
    if add:
        add_tags(case=case, names=add, author=actor, now=now)


@transaction.atomic
def remove_tag(*, case: Case, name: str, actor: User, now: datetime) -> bool:
    """Take a tag off. False when the case did not have it: nothing changed."""
    removed, _ = CaseTag.objects.filter(case=case, tag__name=name).delete()
    if removed:
        _remember(case, f"removed {name}", actor=actor, now=now)
    return bool(removed)


def _remember(case: Case, text: str, *, actor: User, now: datetime) -> None:
    CaseEvent.objects.create(case=case, kind=CaseEvent.Kind.TAGGED, actor=actor, happened_at=now, text=text)
