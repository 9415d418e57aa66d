"""Files into lists: all of a file or nothing of it, with a trace of each entry, in bounded memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction

from scoring.models import ListImport, ListShape, NamedList
from scoring.rules.identities import shape_of
from scoring.rules.list_files import Given, Line, LineFault, UnreadableListError, read_lines
from scoring.rules.lists import SNOOZE
from scoring.services.lists import UnknownListError

MAX_FAULTS = 100
_ROWS_AT_ONCE = 50_000
Mode = ListImport.Mode
_LINES = """
DROP TABLE IF EXISTS pg_temp.list_lines, pg_temp.list_going;
CREATE TEMP TABLE list_lines (line int, entity text, value text, reason text, expires_at timestamptz) ON COMMIT DROP
"""
_COPY = "COPY list_lines (line, entity, value, reason, expires_at) FROM STDIN"
# Of several lines with the same value the last holds. What stands there as the line says stays as it is, without a
# trace: the same file once more changes nothing.
_PUT_ON = """
WITH newest AS (
  SELECT DISTINCT ON (entity, value) * FROM list_lines WHERE line BETWEEN %(first)s AND %(last)s
  ORDER BY entity, value, line DESC
), put AS (
  INSERT INTO scoring_listentry AS entry (kind, entity, value, reason, source, expires_at, author_id, created_at)
  SELECT %(list)s, entity, value, reason, %(source)s, expires_at, %(author)s, %(at)s FROM newest ORDER BY line
  ON CONFLICT (entity, value, kind) DO UPDATE SET reason = excluded.reason, source = excluded.source,
    expires_at = excluded.expires_at, author_id = excluded.author_id, created_at = excluded.created_at
  WHERE (entry.reason, entry.expires_at) IS DISTINCT FROM (excluded.reason, excluded.expires_at)
  RETURNING id, entity, value, reason, expires_at
)
INSERT INTO scoring_listchange (action, kind, entity, value, reason, source, expires_at, author_id, part_of_id)
SELECT 'added', %(list)s, entity, value, reason, %(source)s, expires_at, %(author)s, %(part_of)s FROM put ORDER BY id
"""
# Each is deleted where its id says: the lines are matched once, not for each of the chunks.
_GOING = {
    Mode.REMOVE: """
CREATE TEMP TABLE list_going ON COMMIT DROP AS
SELECT id, row_number() OVER (ORDER BY id) AS line FROM scoring_listentry AS entry WHERE kind = %(list)s AND EXISTS
  (SELECT FROM list_lines AS line WHERE line.entity = entry.entity AND line.value = entry.value)
""",
    Mode.REPLACE: """
CREATE TEMP TABLE list_going ON COMMIT DROP AS
SELECT id, row_number() OVER (ORDER BY id) AS line FROM scoring_listentry AS entry WHERE kind = %(list)s AND NOT EXISTS
  (SELECT FROM list_lines AS line WHERE line.entity = entry.entity AND line.value = entry.value)
""",
}
_TAKE_OFF = """
WITH gone AS (
  DELETE FROM scoring_listentry WHERE id IN (
    SELECT id FROM list_going WHERE line BETWEEN %(first)s AND %(last)s
  ) RETURNING id, entity, value, expires_at
)
INSERT INTO scoring_listchange (action, kind, entity, value, reason, source, expires_at, author_id, part_of_id)
SELECT 'removed', %(list)s, entity, value, %(reason)s, %(source)s, expires_at, %(author)s, %(part_of)s
FROM gone ORDER BY id
"""
_WOULD_PUT_ON = """
SELECT count(*) FROM (SELECT DISTINCT ON (entity, value) * FROM list_lines ORDER BY entity, value, line DESC) AS line
LEFT JOIN scoring_listentry AS entry
  ON entry.kind = %(list)s AND entry.entity = line.entity AND entry.value = line.value
WHERE entry.id IS NULL OR (entry.reason, entry.expires_at) IS DISTINCT FROM (line.reason, line.expires_at)
"""


class FileRefusedError(Exception):
    """Lines of the file are wrong: the first 100 of them in `faults`, and how many in all. Nothing was written."""

    def __init__(self, faults: list[LineFault], total: int) -> None:
        super().__init__(f"{total} line{'' if total == 1 else 's'} of the file cannot be taken. Nothing was written.")
        self.faults, self.total = faults, total


@dataclass(frozen=True)
class Order:
    """A file for a list. `given` holds for lines that do not say it themselves; a trial writes nothing."""

    list_name: str
    mode: str
    file_name: str
    given: Given = field(default_factory=Given)
    skips_bad_lines: bool = False
    is_trial: bool = False


@dataclass(frozen=True)
class Imported:
    """What a file did, or would do: entries put on or changed, taken off, and lines passed over (100 of `faults`)."""

    lines: int
    put_on: int
    taken_off: int
    skipped: int
    faults: list[LineFault]


@transaction.atomic
def import_file(text: Iterable[str], order: Order, *, author: User, at: datetime) -> Imported:
    """Change a list as a file says, all at once: payments see none of it or everything.

    Raises:
        UnknownListError: there is no such list.
        UnreadableListError: the file is no CSV of entries.
        FileRefusedError: lines are wrong, and are not to be skipped.
    """
    # One file at a time: two that name the same values in another order would wait for each other for ever. Who puts
    # on a single value is not held up.
    named = NamedList.objects.select_for_update(no_key=True).filter(name=order.list_name).first()
    if named is None:
        raise UnknownListError(f"There is no list {order.list_name}.")
    given = replace(order.given, is_snooze=order.list_name.startswith(SNOOZE), needs_reason=order.mode != Mode.REMOVE)
    read = _read(read_lines(text, given, at=at))
    if read.skipped and not order.skips_bad_lines:
        raise FileRefusedError(read.faults, read.skipped)
    if not read.lines and order.mode == Mode.REPLACE:
        raise UnreadableListError("The file names no entry. To empty a list, take its entries off.")
    if order.is_trial:
        return _foresee(order, read)
    return _apply(order, read, author=author, at=at)


@dataclass
class _Read:
    """What was copied into `list_lines`, and what was not."""

    lines: int = 0
    last: int = 0
    skipped: int = 0
    faults: list[LineFault] = field(default_factory=list)
    shapes: set[tuple[str, int, int]] = field(default_factory=set)


def _read(found: Iterator[Line | LineFault]) -> _Read:
    read = _Read()
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.execute(_LINES)
        with cursor.copy(_COPY) as copy:
            for one in found:
                if isinstance(one, LineFault):
                    read.skipped += 1
                    if len(read.faults) < MAX_FAULTS:
                        read.faults.append(one)
                    continue
                copy.write_row(one)
                read.lines, read.last = read.lines + 1, one.number
                if (shape := shape_of(one.entity, one.value)) is not None:
                    read.shapes.add(shape)
        cursor.execute("CREATE INDEX ON list_lines (line)")
        cursor.execute("ANALYZE list_lines")
    return read


def _apply(order: Order, read: _Read, *, author: User, at: datetime) -> Imported:
    part_of = ListImport.objects.create(
        list_id=order.list_name, file_name=order.file_name[:90], mode=order.mode, author=author, happened_at=at,
        skipped=read.skipped,
    )  # fmt: skip
    values: dict[str, Any] = {
        "list": order.list_name,
        "source": f"csv:{order.file_name}"[:100],
        "author": author.pk,
        "at": at,
        "part_of": part_of.pk,
        "reason": (order.given.reason or f"{part_of.get_mode_display()}: {order.file_name}")[:200],
    }
    put_on = taken_off = 0
    with connection.cursor() as cursor:
        # Checked by each statement, not all of them while committing: see `happened_at` below.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        if order.mode in _GOING:
            cursor.execute(_GOING[Mode(order.mode)], values)
            taken_off = _by_chunks(cursor, _TAKE_OFF, values, last=cursor.rowcount)
        if order.mode != Mode.REMOVE:
            _know_shapes(read.shapes)
            put_on = _by_chunks(cursor, _PUT_ON, values, last=read.last)
        # The time from which on decisions see it, to the length of a commit: writing took longer than they do.
        cursor.execute(
            "UPDATE scoring_listimport SET happened_at = clock_timestamp(), put_on = %s, taken_off = %s WHERE id = %s",
            [put_on, taken_off, part_of.pk],
        )
    return Imported(read.lines, put_on, taken_off, read.skipped, read.faults)


def _by_chunks(cursor: Any, statement: str, values: dict[str, Any], *, last: int) -> int:
    """Rows written. A million at once would stand in the server's memory until their checks are done."""
    written = 0
    for first in range(1, last + 1, _ROWS_AT_ONCE):
        cursor.execute(statement, values | {"first": first, "last": first + _ROWS_AT_ONCE - 1})
        written += cursor.rowcount
    return written


def _know_shapes(shapes: Iterable[tuple[str, int, int]]) -> None:
    rows = [ListShape(entity=entity, family=family, length=length) for entity, family, length in shapes]
    ListShape.objects.bulk_create(rows, ignore_conflicts=True)


def _foresee(order: Order, read: _Read) -> Imported:
    put_on = taken_off = 0
    values = {"list": order.list_name}
    with connection.cursor() as cursor:
        if order.mode in _GOING:
            cursor.execute(_GOING[Mode(order.mode)], values)
            taken_off = cursor.rowcount
        if order.mode != Mode.REMOVE:
            cursor.execute(_WOULD_PUT_ON, values)
            put_on = cursor.fetchone()[0]
    return Imported(read.lines, put_on, taken_off, read.skipped, read.faults)
