"""Lists: putting values on and taking them off, each change with a trace."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Func, QuerySet
from django.utils.timezone import now

from scoring.models import ListChange, ListEntry, ListShape, NamedList, PolicyList, Rule
from scoring.models.lists import GIVEN_LISTS
from scoring.rules.identities import ListValueError, canonical_value, shape_of
from scoring.rules.list_files import check_expiry, check_reason
from scoring.rules.lists import SNOOZE


class NotListedError(Exception):
    """The entry is on no list (any more); nothing changed."""


class UnknownListError(Exception):
    """There is no list of this name; nothing changed."""


class ListInUseError(Exception):
    """The list stays, and the text says why; nothing changed."""


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
        ValueError: no reason, or one that is too long; no end of a snooze, or one that is too far away.
    """
    check_reason(reason)
    if list_name.startswith(SNOOZE):
        check_expiry(expires_at, at=now(), is_snooze=True)
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


# Locked in the order in which files and verdicts change entries; verdicts block before they allow.
_REMOVE = """
WITH locked AS MATERIALIZED (
  SELECT id FROM scoring_listentry WHERE id = ANY(%s)
  ORDER BY kind COLLATE "C" DESC, entity COLLATE "C", value COLLATE "C" FOR UPDATE
), gone AS (
  DELETE FROM scoring_listentry WHERE id IN (SELECT id FROM locked) RETURNING id, kind, entity, value, expires_at
)
INSERT INTO scoring_listchange (action, kind, entity, value, reason, source, expires_at, author_id, happened_at)
SELECT 'removed', kind, entity, value, %s, 'manual', expires_at, %s, clock_timestamp() FROM gone ORDER BY id
"""


def remove_list_entries(*, entries: QuerySet[ListEntry], reason: str, author: User) -> int:
    """Take these off their lists, all at once; how many. Those that somebody else took off are passed over."""
    with connection.cursor() as cursor:
        cursor.execute(_REMOVE, [list(entries.values_list("id", flat=True)), reason, author.pk])
        removed: int = cursor.rowcount
    return removed


def is_deletable(named: NamedList) -> bool:
    """Say whether nothing ever stood on the list and no version of the policy, or rule of one, names it."""
    return _why_not_deletable(named) is None


@transaction.atomic
def delete_list(*, list_id: int) -> None:
    """Forget a list that nothing ever stood on and no version of the policy, or rule of one, names.

    Raises:
        ListInUseError: it has to stay.
        NotListedError: somebody was faster.
    """
    named = NamedList.objects.select_for_update().filter(id=list_id).first()
    if named is None:
        raise NotListedError(list_id)
    if (reason := _why_not_deletable(named)) is not None:
        raise ListInUseError(reason)
    named.delete()


def _why_not_deletable(named: NamedList) -> str | None:
    if named.name in GIVEN_LISTS:
        return f"Verdicts and pages count on the list {named.name}."
    if ListChange.objects.filter(list=named).exists():
        return f"Entries stood on the list {named.name}: the record of decisions needs it."
    if PolicyList.objects.filter(list=named.name).exists():
        return f"A version of the policy says what the list {named.name} does."
    if (code := _rule_that_asks(named.name)) is not None:
        return f"The rule {code} asks for the list {named.name}."
    return None


def _rule_that_asks(name: str) -> str | None:
    """Code of a rule, of any version, whose condition names the list, if only in a part of a name or a text."""
    rules = Rule.objects.filter(expression__contains=name, expression__icontains="in_list").order_by("-id")
    return rules.values_list("code", flat=True).first()


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
        # Not when the transaction began: it may have waited for a file that changed the same entry.
        happened_at=Func(function="clock_timestamp"),
    )


__all__ = [
    "ListInUseError",
    "ListValueError",
    "NotListedError",
    "UnknownListError",
    "add_list_entry",
    "delete_list",
    "is_deletable",
    "remove_list_entries",
    "remove_list_entry",
]
