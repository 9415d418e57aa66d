"""Brings the tables back to how the migrations left them, after tests that commit."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql
from psycopg.errors import DeadlockDetected

PATIENCE_DEADLOCKS = 5


@dataclass(frozen=True)
class Kept:
    """A table's rows as the migrations made them, in the format of COPY."""

    columns: sql.Composed
    rows: bytes


class Beginning:
    """What the tables hold when it is made, which is before the first test.

    Django's own way empties the tables that migrations filled (groups, the default queue) with all others: tests would
    depend on which ran before them. Only tables with other rows than at the beginning are written.
    """

    def __init__(self) -> None:
        self._tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        with connection.cursor() as cursor:
            self._kept = {table: _keep(cursor, table) for table in self._with_rows(cursor)}

    def restore(self) -> None:
        """Write what differs. A process of the test that still works may lock the same tables in another order."""
        for _ in range(PATIENCE_DEADLOCKS):
            try:
                return self._restore()
            except OperationalError as error:
                if not isinstance(error.__cause__, DeadlockDetected):
                    raise
        return self._restore()

    def _restore(self) -> None:
        # Locked first: another process may be about to write, and its rows have to go as well.
        locks = sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(_names(self._tables))
        with transaction.atomic(), connection.cursor() as cursor:
            # No trigger that keeps rows as they are is asked, and no foreign key: rows come back as they were.
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(locks)
            filled = set(self._with_rows(cursor))
            changed = {table for table, kept in self._kept.items() if _rows(cursor, table, kept.columns) != kept.rows}
            for table in filled - self._kept.keys() | changed:
                cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
            for table in changed:
                _fill(cursor, table, self._kept[table])

    def _with_rows(self, cursor: CursorWrapper) -> list[str]:
        look = sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})")
        looks = [look.format(sql.Literal(table), sql.Identifier(table)) for table in self._tables]
        cursor.execute(sql.SQL(" UNION ALL ").join(looks))
        return [table for (table,) in cursor.fetchall()]


def _keep(cursor: CursorWrapper, table: str) -> Kept:
    columns = _names(column.name for column in connection.introspection.get_table_description(cursor, table))
    return Kept(columns, _rows(cursor, table, columns))


def _rows(cursor: CursorWrapper, table: str, columns: sql.Composed) -> bytes:
    with cursor.copy(sql.SQL("COPY {} ({}) TO STDOUT").format(sql.Identifier(table), columns)) as copy:
        return b"".join(copy)


def _fill(cursor: CursorWrapper, table: str, kept: Kept) -> None:
    with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), kept.columns)) as copy:
        copy.write(kept.rows)


def _names(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
