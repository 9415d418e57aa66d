"""Lines of a CSV file as entries of a list, and entries as lines. Pure."""

import csv
import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import NamedTuple

from scoring.rules.identities import ENTITIES, ListValueError, canonical_value
from scoring.spreadsheets import plain_text, safe_text

MAX_REASON = 200
# A rule is not silent for somebody for ever: who wants that changes the rule.
LONGEST_SNOOZE = timedelta(days=90)
# Far below what a database keeps and Python reads back.
LONGEST = timedelta(days=36_525)
_READ = ("entity", "value", "reason", "expires_at")
# What an export tells besides; the import has a source and an author of its own.
_PASSED_OVER = ("source", "author", "created_at")
EXPORTED = (*_READ, *_PASSED_OVER)
_NEEDS_A_HEADER = f"The first line names the columns: {','.join(_READ)}."


class Line(NamedTuple):
    """An entry of a file."""

    number: int
    entity: str
    value: str
    reason: str
    expires_at: datetime | None


class LineFault(NamedTuple):
    """What is wrong with a line, in which column."""

    number: int
    field: str
    message: str


class UnreadableListError(Exception):
    """The file is no list at all; the text says why."""


@dataclass(frozen=True)
class Given:
    """What holds for each line that does not say it itself."""

    entity: str = ""
    reason: str = ""
    expires_at: datetime | None = None
    is_snooze: bool = False
    needs_reason: bool = True


def read_lines(text: Iterable[str], given: Given, *, at: datetime) -> Iterator[Line | LineFault]:
    """Entries and faults in the order of the file, one a line.

    A file of one entity may come without a line that names the columns: then they are value, reason, expires_at.

    Raises:
        UnreadableListError: at the line from which nothing can be made of the rest.
    """
    try:
        yield from _read_lines(text, given, at)
    except csv.Error as error:
        raise UnreadableListError(f"This is no CSV file: {error}.") from error
    except UnicodeDecodeError as error:
        raise UnreadableListError("This is no text in UTF-8. Save it as CSV UTF-8.") from error


def written(rows: Iterable[Sequence[object]]) -> str:
    """Lines of a file; no spreadsheet takes a cell for a formula."""
    text = StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def check_expiry(expires_at: datetime | None, *, at: datetime, is_snooze: bool) -> None:
    """Raises: ValueError: an entry may not end then."""
    if expires_at is not None and expires_at <= at:
        raise ValueError("This is in the past.")
    if expires_at is not None and expires_at > at + LONGEST:
        raise ValueError("This is more than 100 years away. Leave it empty for no end.")
    if is_snooze and (expires_at is None or expires_at > at + LONGEST_SNOOZE):
        raise ValueError(f"A rule is snoozed for at most {LONGEST_SNOOZE.days} days. Say until when.")


def check_reason(reason: str) -> None:
    """Raises: ValueError: nobody could read it later."""
    if not reason.strip():
        raise ValueError("Say why, for those who read it later.")
    if len(reason) > MAX_REASON:
        raise ValueError(f"At most {MAX_REASON} characters. These are {len(reason)}.")
    if "\x00" in reason:
        raise ValueError("There is a character in it that is not text.")


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return safe_text(value) if isinstance(value, str) else value


def _read_lines(text: Iterable[str], given: Given, at: datetime) -> Iterator[Line | LineFault]:
    lines = iter(text)
    first = next(lines, None)
    if first is None:
        raise UnreadableListError("The file is empty.")
    first = first.removeprefix("\ufeff")
    delimiter = ";" if ";" in first and "," not in first else ","
    head = [name.strip().lower() for name in next(csv.reader([first], delimiter=delimiter), [])]
    if "value" in head:
        columns, before = _columns(head), 1
    elif given.entity:
        columns, before = {"value": 0, "reason": 1, "expires_at": 2}, 0
        lines = _chain(first, lines)
    else:
        raise UnreadableListError(_NEEDS_A_HEADER)
    reader = csv.reader(lines, delimiter=delimiter)
    read = _reader_of(columns, given, at)
    for cells in reader:
        if any(cells):
            yield read(before + reader.line_num, cells)


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _columns(head: Sequence[str]) -> dict[str, int]:
    """Where each column stands. Raises: UnreadableListError: one is not known, or named twice."""
    for name in head:
        if name not in EXPORTED:
            near = difflib.get_close_matches(name, _READ, n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise UnreadableListError(f"There is no column {name[:40]!r}.{meant} {_NEEDS_A_HEADER}")
    if len(set(head)) < len(head):
        raise UnreadableListError(f"A column is named twice. {_NEEDS_A_HEADER}")
    return {name: place for place, name in enumerate(head) if name in _READ}


def _reader_of(columns: dict[str, int], given: Given, at: datetime) -> Callable[[int, list[str]], Line | LineFault]:
    places = [columns.get(name, -1) for name in _READ]

    def read(number: int, cells: list[str]) -> Line | LineFault:
        count = len(cells)
        entity, value, reason, until = (plain_text(cells[i]) if 0 <= i < count else "" for i in places)
        entity = entity.strip().lower() or given.entity
        field = "entity"
        try:
            if entity not in ENTITIES:
                raise ListValueError(f"Lists name {', '.join(ENTITIES)}.")
            field = "value"
            value = canonical_value(entity, value)
            field, reason = "reason", reason or given.reason
            if not given.needs_reason:
                # Of an entry that is taken off they are not read.
                return Line(number, entity, value, "", None)
            check_reason(reason)
            field = "expires_at"
            expires_at = _moment(until.strip()) if until else given.expires_at
            check_expiry(expires_at, at=at, is_snooze=given.is_snooze)
        except ValueError as error:
            return LineFault(number, field, str(error))
        return Line(number, entity, value, reason, expires_at)

    return read


def _moment(text: str) -> datetime:
    """Raises: ValueError: no time with an offset, and no day."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            "Write a day as 2026-12-31, or a time with its offset as 2026-12-31T18:00:00+00:00."
        ) from error
    if len(text) == len("2026-12-31"):
        return moment.replace(tzinfo=UTC)
    if moment.tzinfo is None:
        raise ValueError("A time needs its offset, as 2026-12-31T18:00:00+00:00.")
    return moment
