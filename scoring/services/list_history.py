"""What stood on the lists at a time, by the trace of their changes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from scoring.models import ListChange
from scoring.queries_lists import KEYS
from scoring.rules.identities import identities
from scoring.rules.lists import ListHit
from scoring.services.listed_values import ListedValues
from scoring.transaction import Transaction

_BEGINNING = ("scoring", "0004_list_changes")
# Probes the index for each value, as `list_hits` does.
_CHANGES = """
SELECT keys.of_entity, keys.of_value, change.id, change.action, change.kind, change.entity, change.value,
  change.reason, change.expires_at, coalesce(part_of.happened_at, change.happened_at)
FROM keys CROSS JOIN LATERAL (
  SELECT * FROM scoring_listchange AS one
  WHERE one.entity = keys.entity AND one.value = keys.value OFFSET 0
) AS change
LEFT JOIN scoring_listimport AS part_of ON part_of.id = change.part_of_id
ORDER BY change.id
"""


@dataclass(frozen=True)
class _Change:
    """A row of the trace. The ids of one entry's changes follow each other as its changes did."""

    id: int
    action: str
    list: str
    entity: str
    value: str
    reason: str
    expires_at: datetime | None
    happened_at: datetime


class ListHistory:
    """All changes that concern some payments. One query, however many they are.

    A run over much of history gives `listed`, made once: of each chunk only what it knows is looked for.
    """

    def __init__(self, transactions: Sequence[Transaction], *, listed: ListedValues | None = None) -> None:
        rows_of = _rows_of(transactions) if listed is None else listed.among(transactions)
        self._transactions = transactions
        self._changes: dict[tuple[str, str], list[_Change]] = {}
        for identity, change in _changes_of(rows_of):
            self._changes.setdefault(identity, []).append(change)
        # Of the others no list ever said anything.
        self._rows = sorted({row for identity in self._changes for row in rows_of[identity]})

    def hits(self, transaction: Transaction, *, at: datetime) -> list[ListHit]:
        """The entries that a payment met at that time, in the order in which they came to stand there."""
        standing: dict[tuple[str, str, str], tuple[int, _Change]] = {}
        for change in self._of(transaction):
            if change.happened_at > at:
                continue
            entry = (change.list, change.entity, change.value)
            if change.action != ListChange.Action.ADDED:
                standing.pop(entry, None)
            else:
                # Added once more it gets a new reason and keeps its place.
                first = standing[entry][0] if entry in standing else change.id
                standing[entry] = (first, change)
        met = sorted(
            ((place, one) for place, one in standing.values() if not one.expires_at or one.expires_at > at),
            key=lambda met: met[0],
        )
        return [ListHit(one.list, one.entity, one.value, one.reason) for _, one in met]

    def listed(self, transactions: Sequence[Transaction], moments: Sequence[datetime]) -> dict[int, list[ListHit]]:
        """Row -> the entries that a payment met at its moment, where it met any."""
        rows = self._rows if transactions is self._transactions else range(len(transactions))
        return {row: hits for row in rows if (hits := self.hits(transactions[row], at=moments[row]))}

    def moments(self, transaction: Transaction, *, start: datetime, end: datetime) -> list[datetime]:
        """`start`, and each time up to `end` from which on a payment meets something else."""
        times = {time for change in self._of(transaction) for time in (change.happened_at, change.expires_at) if time}
        return [start, *sorted(time for time in times if start < time <= end)]

    def _of(self, transaction: Transaction) -> Iterator[_Change]:
        for identity in identities(transaction):
            yield from self._changes.get(identity, ())


def traced_since() -> datetime | None:
    """Since when changes are kept; what stood on the lists by then is in the trace, what had been taken off is not."""
    app, name = _BEGINNING
    applied: datetime | None = (
        MigrationRecorder(connection).migration_qs.filter(app=app, name=name).values_list("applied", flat=True).first()
    )
    return applied


def _rows_of(transactions: Sequence[Transaction]) -> dict[tuple[str, str], list[int]]:
    rows_of: dict[tuple[str, str], list[int]] = {}
    for row, transaction in enumerate(transactions):
        for identity in identities(transaction):
            rows_of.setdefault(identity, []).append(row)
    return rows_of


def _changes_of(wanted: Iterable[tuple[str, str]]) -> list[tuple[tuple[str, str], _Change]]:
    pairs = list(wanted)
    if not pairs:
        return []
    with connection.cursor() as cursor:
        cursor.execute(KEYS + _CHANGES, ["\n".join(column) for column in zip(*pairs, strict=True)])
        return [((of_entity, of_value), _Change(*row)) for of_entity, of_value, *row in cursor.fetchall()]
