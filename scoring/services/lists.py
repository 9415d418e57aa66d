"""Lists: putting values on and taking them off, each change with a trace."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.timezone import now

from scoring.models import ListChange, ListEntry, ListShape, NamedList
from scoring.rules.identities import ListValueError, canonical_value, shape_of


class NotListedError(Exception):
    """The entry is on no list (any more); nothing changed."""


class UnknownListError(Exception):
    """There is no list of this name; nothing changed."""


@transaction.atomic
def add_list_entry(
    *,
    list_name: str,
    entity: str,
    value: str,
    reason: str,
    expires_at: datetime | None,
    author: User,
    source: str = "manual",
) -> ListEntry:
    """Put a value on a list from now on; one that stands there already gets the new reason and expiry.

    Raises:
        UnknownListError: there is no such list.
        ListValueError: no payment could carry the value.
    """
    # One way to write it: `2001:DB8::1` must not slip past `2001:db8:0::1`.
    value = canonical_value(entity, value)
    named = NamedList.objects.filter(name=list_name).first()
    if named is None:
        raise UnknownListError(f"There is no list {list_name}.")
    known_shape(entity, value)
    entry, _ = ListEntry.objects.update_or_create(
        list=named,
        entity=entity,
        value=value,
        defaults={
            "reason": reason,
            "source": source,
            "expires_at": expires_at,
            "author": author,
            "created_at": now(),
        },
    )
    _remember(ListChange.Action.ADDED, entry, reason=reason, source=source, author=author)
    return entry


@transaction.atomic
def remove_list_entry(*, entry_id: int, reason: str, author: User, source: str = "manual") -> ListEntry:
    """Take a value off its list from now on; returns what stood there.

    Raises:
        NotListedError: somebody was faster.
    """
    entry = ListEntry.objects.select_for_update().filter(id=entry_id).first()
    if entry is None:
        raise NotListedError(entry_id)
    ListEntry.objects.filter(id=entry_id).delete()
    _remember(ListChange.Action.REMOVED, entry, reason=reason, source=source, author=author)
    return entry


def known_shape(entity: str, value: str) -> None:
    """Let payments be looked for under the length of this network or prefix. In the caller's transaction."""
    shape = shape_of(entity, value)
    if shape is not None:
        entity, family, length = shape
        ListShape.objects.bulk_create([ListShape(entity=entity, family=family, length=length)], ignore_conflicts=True)


def _remember(action: str, entry: ListEntry, *, reason: str, source: str, author: User) -> None:
    ListChange.objects.create(
        action=action,
        list_id=entry.list_id,
        entity=entry.entity,
        value=entry.value,
        reason=reason,
        source=source,
        expires_at=entry.expires_at,
        author=author,
    )


__all__ = ["ListValueError", "NotListedError", "UnknownListError", "add_list_entry", "remove_list_entry"]
