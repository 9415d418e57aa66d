"""A database that is asked for something it takes too long for, and that nobody waits for any more."""

from django.db import connection


def sleep(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


def end_sleepers() -> None:
    """Whoever still sleeps is ended, so that the tables can be emptied."""
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
        )
