"""Block and allow lists."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.timezone import now

from scoring.models import ListChange, ListEntry
from scoring.transaction import canonical_address


class NotListedError(Exception):
    """The entry is on no list (any more); nothing changed."""


@transaction.atomic
def add_list_entry(
    *, kind: str, entity: str, value: str, reason: str, expires_at: datetime | None, author: User
) -> ListEntry:
    """Put a value on a list from now on; one that stands there already gets the new reason and expiry.

    Raises:
        ValueError: no address where `entity` is ip.
    """
    if entity == ListEntry.Entity.IP:
        # One way to write it: `2001:DB8::1` must not slip past `2001:db8:0::1`.
        value = canonical_address(value)
    entry, _ = ListEntry.objects.update_or_create(
        kind=kind,
        entity=entity,
        value=value,
        defaults={"reason": reason, "expires_at": expires_at, "author": author, "created_at": now()},
    )
    _remember(ListChange.Action.ADDED, entry, reason=reason, author=author)
    return entry


@transaction.atomic
def remove_list_entry(*, entry_id: int, reason: str, author: User) -> ListEntry:
    """Take a value off its list from now on; returns what stood there.

    Raises:
        NotListedError: somebody was faster.
    """
    entry = ListEntry.objects.select_for_update().filter(id=entry_id).first()
    if entry is None:
        raise NotListedError(entry_id)
    ListEntry.objects.filter(id=entry_id).delete()
    _remember(ListChange.Action.REMOVED, entry, reason=reason, author=author)
    return entry


def _remember(action: str, entry: ListEntry, *, reason: str, author: User) -> None:
    ListChange.objects.create(
        action=action,
        kind=entry.kind,
        entity=entry.entity,
        value=entry.value,
        reason=reason,
        expires_at=entry.expires_at,
        author=author,
    )
