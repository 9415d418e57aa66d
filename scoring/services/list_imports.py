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
DROP TABLE IF EXISTS pg_temp.list_lines, pg_temp.list_steps;
CREATE TEMP TABLE list_lines (line int, entity text, value text, reason text, expires_at timestamptz) ON COMMIT DROP
"""
_COPY = "COPY list_lines (line, entity, value, reason, expires_at) FROM STDIN"
# What there is to do, value by value: of several lines with one value the last holds. Everybody who changes several
# entries does it in the order of these steps, and so nobody waits for somebody who waits for them.
_STEPS = """
CREATE TEMP TABLE list_steps ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY entity COLLATE "C", value COLLATE "C") AS step, entity, value, reason, expires_at,
  goes
FROM ({}) AS found
"""
_NAMED = """
(SELECT DISTINCT ON (entity, value) entity, value, reason, expires_at, false AS goes FROM list_lines
ORDER BY entity, value, line DESC)
"""
_GOING = """
SELECT entity, value, reason, expires_at, true AS goes FROM scoring_listentry AS entry WHERE kind = %(list)s AND {}
  (SELECT FROM list_lines AS line WHERE line.entity = entry.entity AND line.value = entry.value)
"""
_STEPS_OF = {
    Mode.ADD: _STEPS.format(_NAMED),
    Mode.REPLACE: _STEPS.format(_NAMED + "UNION ALL" + _GOING.format("NOT EXISTS")),
    Mode.REMOVE: _STEPS.format(_GOING.format("EXISTS")),
}
# What stands there as the line says stays as it is, without a trace: the same file once more changes nothing. What is
# to go is locked in its turn, no more: the update passes it over. If somebody has taken it off by now it is put on,
# without a source, to be taken off in the next statement, both without a trace.
_PUT_ON = """
WITH put AS (
  INSERT INTO scoring_listentry AS entry (kind, entity, value, reason, source, expires_at, author_id, created_at)
  SELECT %(list)s, entity, value, reason, CASE WHEN goes THEN '' ELSE %(source)s END, expires_at, %(author)s, %(at)s
  FROM list_steps WHERE step BETWEEN %(first)s AND %(last)s ORDER BY step
  ON CONFLICT (entity, value, kind) DO UPDATE SET reason = excluded.reason, source = excluded.source,
    expires_at = excluded.expires_at, author_id = excluded.author_id, created_at = excluded.created_at
  WHERE excluded.source <> ''
    AND (entry.reason, entry.expires_at) IS DISTINCT FROM (excluded.reason, excluded.expires_at)
  RETURNING id, entity, value, reason, source, expires_at
)
INSERT INTO scoring_listchange (action, kind, entity, value, reason, source, expires_at, author_id, part_of_id)
SELECT 'added', %(list)s, entity, value, reason, source, expires_at, %(author)s, %(part_of)s
FROM put WHERE source <> '' ORDER BY id
"""
_TAKE_OFF = """
WITH gone AS (
  DELETE FROM scoring_listentry AS entry USING list_steps AS one
  WHERE one.step BETWEEN %(first)s AND %(last)s AND one.goes
    AND entry.kind = %(list)s AND entry.entity = one.entity AND entry.value = one.value
  RETURNING entry.id, entry.entity, entry.value, entry.source, entry.expires_at
)
INSERT INTO scoring_listchange (action, kind, entity, value, reason, source, expires_at, author_id, part_of_id)
SELECT 'removed', %(list)s, entity, value, %(reason)s, %(source)s, expires_at, %(author)s, %(part_of)s
FROM gone WHERE source <> '' ORDER BY id
"""
_FORESEEN = """
SELECT count(*) FILTER (WHERE NOT goes), count(*) FILTER (WHERE goes) FROM list_steps AS one
LEFT JOIN scoring_listentry AS entry
  ON entry.kind = %(list)s AND entry.entity = one.entity AND entry.value = one.value
WHERE goes OR entry.id IS NULL OR (entry.reason, entry.expires_at) IS DISTINCT FROM (one.reason, one.expires_at)
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
    # One file at a time: what the second does follows from what the first left. Who puts on a value is not held up.
    named = NamedList.objects.select_for_update(no_key=True).filter(name=order.list_name).first()
    if named is None:
        raise UnknownListError(f"There is no list {order.list_name}.")
    given = replace(order.given, is_snooze=order.list_name.startswith(SNOOZE), needs_reason=order.mode != Mode.REMOVE)
    read = _read(read_lines(text, given, at=at))
    if read.skipped and not order.skips_bad_lines:
        raise FileRefusedError(read.faults, read.skipped)
    if not read.lines and order.mode == Mode.REPLACE:
        raise UnreadableListError("The file names no entry. To empty a list, take its entries off.")
    with connection.cursor() as cursor:
        steps = _steps_of(order, cursor)
        if order.is_trial:
            cursor.execute(_FORESEEN, {"list": order.list_name})
            put_on, taken_off = cursor.fetchone()
        else:
            put_on, taken_off = _apply(order, read, cursor, author=author, at=at, steps=steps)
    return Imported(read.lines, put_on, taken_off, read.skipped, read.faults)


@dataclass
class _Read:
    """What was copied into `list_lines`, and what was not."""

    lines: int = 0
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
                read.lines += 1
                if (shape := shape_of(one.entity, one.value)) is not None:
                    read.shapes.add(shape)
        cursor.execute("ANALYZE list_lines")
    return read


def _steps_of(order: Order, cursor: Any) -> int:
    """Write down what there is to do; how many steps."""
    cursor.execute(_STEPS_OF[Mode(order.mode)], {"list": order.list_name})
    steps: int = cursor.rowcount
    cursor.execute("CREATE INDEX ON list_steps (step)")
    cursor.execute("ANALYZE list_steps")
    return steps


def _apply(order: Order, read: _Read, cursor: Any, *, author: User, at: datetime, steps: int) -> tuple[int, int]:
    """Take the steps; how many entries were put on or changed, and taken off."""
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
    # Checked by each statement, not all of them while committing: see `happened_at` below.
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    if order.mode != Mode.REMOVE:
        _know_shapes(read.shapes)
    put_on, taken_off = _by_chunks(cursor, values, last=steps)
    # The time from which on decisions see it, to the length of a commit: writing took longer than they do.
    cursor.execute(
        "UPDATE scoring_listimport SET happened_at = clock_timestamp(), put_on = %s, taken_off = %s WHERE id = %s",
        [put_on, taken_off, part_of.pk],
    )
    return put_on, taken_off


def _by_chunks(cursor: Any, values: dict[str, Any], *, last: int) -> tuple[int, int]:
    """Rows put on and taken off. A million at once would stand in the server's memory until their checks are done."""
    put_on = taken_off = 0
    for first in range(1, last + 1, _ROWS_AT_ONCE):
        chunk = values | {"first": first, "last": first + _ROWS_AT_ONCE - 1}
        cursor.execute(_PUT_ON, chunk)
        put_on += cursor.rowcount
        cursor.execute(_TAKE_OFF, chunk)
        taken_off += cursor.rowcount
    return put_on, taken_off


def _know_shapes(shapes: Iterable[tuple[str, int, int]]) -> None:
    """In one order: files for two lists may bring the same new ones."""
    rows = [ListShape(entity=entity, family=family, length=length) for entity, family, length in sorted(shapes)]
    ListShape.objects.bulk_create(rows, ignore_conflicts=True)
