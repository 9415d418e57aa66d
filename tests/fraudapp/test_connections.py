"""How a process begins to speak with the database."""

import psycopg
import pytest
from django.db import connection


@pytest.fixture
def elsewhere(transactional_db):
    """The database has a zone of its own."""
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET timezone = 'Europe/Berlin'")
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} RESET timezone")


def test_a_new_connection_needs_no_statement_for_its_time_zone(elsewhere):
    with psycopg.connect(**connection.get_connection_params()) as raw:
        assert not connection._configure_timezone(raw)
