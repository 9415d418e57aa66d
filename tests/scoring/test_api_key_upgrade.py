"""Keys of before, taken through the migration as an upgrade does it; two who rotate one key at once."""

import threading
from collections.abc import Iterator

import pytest
from django.apps.registry import Apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from scoring.models import ApiKey
from scoring.services import key_book
from scoring.services.keys import KeyEndedError, digest, issue_key, revoke_key, rotate_key
from tests.factories import NOON

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = ("scoring", "0005_verdicts_topic")


def migrate(*targets: tuple[str, str]) -> Apps:
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets) or executor.loader.graph.leaf_nodes())
    return executor.loader.project_state(list(targets)).apps


@pytest.fixture
def before() -> Iterator[Apps]:
    """The tables as they were; whatever happens, those that come after find them as they are."""
    try:
        yield migrate(BEFORE)
    finally:
        migrate()


@pytest.mark.slow
def test_a_key_of_before_works_as_it_did(before):
    old = before.get_model("scoring", "ApiKey").objects
    old.create(name="all", prefix="fk_all", sha256=digest("fk_all"), scopes=["decide", "label", "read", "cases"])
    old.create(name="gone", prefix="fk_gone", sha256=digest("fk_gone"), scopes=["cases"], revoked_at=NOON)
    migrate()
    # A process of before still runs, and makes one more.
    old.create(name="late", prefix="fk_late", sha256=digest("fk_late"), scopes=["read"])

    key_book.refresh()

    assert key_book.find("fk_all", at=NOON).scopes == {"decide", "label", "read"}
    assert key_book.find("fk_late", at=NOON).rate_limit is None
    assert key_book.find("fk_gone", at=NOON) is None


def test_two_who_rotate_a_key_at_once_make_one(transactional_db):
    row = ApiKey.objects.get(sha256=digest(issue_key(name="shop", scopes=["read"])))
    told: list[str] = []
    together = threading.Barrier(2)

    def rotate() -> None:
        together.wait()
        try:
            told.append(rotate_key(row, at=NOON, by=None)[:3])
        except KeyEndedError as error:
            told.append("rotated already" if "rotated already" in str(error) else str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=rotate) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(told) == ["fk_", "rotated already"]
    assert ApiKey.objects.count() == 2


def test_a_change_is_seen_by_this_process_once_it_is_committed(transactional_db):
    key = issue_key(name="shop", scopes=["read"])
    key_book.refresh()
    assert key_book.find(key, at=NOON)

    revoke_key(ApiKey.objects.get(), at=NOON)

    assert key_book.is_stale()
    key_book.refresh()
    assert key_book.find(key, at=NOON) is None
