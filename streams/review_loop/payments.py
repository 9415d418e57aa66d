"""The payments of a file by day, and what they were in truth, which the desk is not told."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from pathlib import Path

from scoring.importing.formats import Unreadable, read_rows
from scoring.importing.mapping import FileMapping
from scoring.importing.rows import RowReader
from scoring.transaction import InvalidTransactionError, Transaction


class NotInOrderError(Exception):
    """A payment stands after one of a later day. The days before it are stored."""


@dataclass(frozen=True)
class Told:
    """A payment and its truth."""

    transaction: Transaction
    is_fraud: bool

    @property
    def day(self) -> date:
        return self.transaction.occurred_at.astimezone(UTC).date()


def days_of(
    path: Path, mapping: FileMapping, *, first: date | None, last: date | None, read_at: datetime
) -> Iterator[tuple[date, list[Told]]]:
    """The days from `first` to `last` (None: all), each with its payments in the order of the file.

    Rows that are no payments are left out, and those that do not say what they were; where the mapping names no value
    for legitimate ones, they were.

    Raises:
        UnreadableFileError: the file cannot be read.
        NotInOrderError: its days do not follow each other.
    """
    before: date | None = None
    for day, payments in groupby(_payments(path, mapping, read_at), key=lambda told: told.day):
        if before is not None and day < before:
            raise NotInOrderError(f"A payment of {day} stands after those of {before}; sort the file by time.")
        before = day
        if last is not None and day > last:
            return
        if first is None or day >= first:
            yield day, list(payments)


def _payments(path: Path, mapping: FileMapping, read_at: datetime) -> Iterator[Told]:
    reader = RowReader(mapping, read_at=read_at)
    has_legitimate = mapping.label is not None and bool(mapping.label.legitimate)
    with closing(read_rows(path, mapping.wanted_columns)) as rows:
        for _, row in rows:
            if isinstance(row, Unreadable):
                continue
            try:
                transaction, said = reader.read(row)
            except InvalidTransactionError:
                continue
            if said is not None:
                yield Told(transaction, said.label == "fraud")
            elif not has_legitimate:
                yield Told(transaction, is_fraud=False)
