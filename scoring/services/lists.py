"""Block and allow lists."""

from datetime import datetime

from django.contrib.auth.models import User

from scoring.models import ListEntry
from scoring.transaction import canonical_address


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
        defaults={"reason": reason, "expires_at": expires_at, "author": author},
    )
    return entry
