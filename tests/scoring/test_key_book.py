"""The keys a process keeps: followed within seconds, and there while the database is not."""

import pytest
from django.db import OperationalError, connection

from scoring.models import ApiKey
from scoring.services.key_book import RECHECK_SECONDS, UNKNOWN_SECONDS, KeyBook
from scoring.services.keys import digest, issue_key, revoke_key
from tests.factories import DAY, MINUTE, NOON, make_user
from tests.scoring.test_breaker import Clock

pytestmark = pytest.mark.django_db
SECOND = MINUTE / 60


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock) -> KeyBook:
    return KeyBook(clock)


def fail(execute, sql, params, many, context):
    raise OperationalError("gone")


def last_use_of(key: str):
    return ApiKey.objects.get(sha256=digest(key)).last_used_at


def test_a_key_is_found_with_all_that_a_call_needs(book):
    alice = make_user()
    key = issue_key(name="shop", scopes=["read", "cases"], user=alice, expires_at=NOON + DAY, rate_limit=7)
    book.refresh()

    facts = book.find(key, at=NOON)

    assert (facts.name, facts.scopes, facts.user_id) == ("shop", {"read", "cases"}, alice.id)
    assert (facts.expires_at, facts.rate_limit) == (NOON + DAY, 7)


def test_looking_up_asks_no_database(book, django_assert_num_queries):
    key = issue_key(name="shop", scopes=["read"])
    book.refresh()

    with django_assert_num_queries(0):
        assert book.find(key, at=NOON)
        assert book.find("fk_other", at=NOON) is None


def test_it_is_read_again_when_it_is_old(book, clock):
    book.refresh()
    assert not book.is_stale()
    clock.seconds += RECHECK_SECONDS + 0.1
    assert book.is_stale()

    key = issue_key(name="shop", scopes=["read"])
    assert book.find(key, at=NOON) is None
    book.refresh()

    assert book.find(key, at=NOON)
    assert not book.is_stale()


def test_a_book_that_is_not_old_is_not_read_again(book, django_assert_num_queries):
    book.refresh()

    with django_assert_num_queries(0):
        book.refresh()


def test_a_key_that_another_process_made_just_now_is_looked_for(book, clock):
    known = issue_key(name="known", scopes=["read"])
    book.refresh()
    key = issue_key(name="new", scopes=["read"])
    clock.seconds += UNKNOWN_SECONDS + 0.01

    assert (book.is_stale(), book.is_stale(known), book.is_stale(key)) == (False, False, True)
    book.refresh(key, at=NOON)
    assert book.find(key, at=NOON)


def test_invented_keys_do_not_have_the_keys_read_at_each_call(book, clock, django_assert_num_queries):
    book.refresh()
    clock.seconds += UNKNOWN_SECONDS + 0.01
    book.refresh("fk_invented", at=NOON)

    with django_assert_num_queries(0):
        assert not book.is_stale("fk_invented")
        book.refresh("fk_invented", at=NOON)


def test_what_this_process_changes_is_read_at_once(book):
    book.refresh()
    book.forget()

    assert book.is_stale()


def test_what_changes_while_the_keys_are_read_has_them_read_once_more(book):
    def change(execute, sql, params, many, context):
        book.forget()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(change):
        book.refresh()

    assert book.is_stale()


def test_while_one_reads_an_old_book_the_others_use_it_as_it_is(book, clock, django_assert_num_queries):
    book.refresh()
    clock.seconds += RECHECK_SECONDS + 0.1

    with book._lock, django_assert_num_queries(0):
        assert not book.is_stale()
        book.refresh()
    assert book.is_stale()


@pytest.mark.parametrize("change", ["revoke", "expire", "close the account", "delete"])
def test_a_key_that_ended_lets_nobody_in_and_says_why(book, change):
    alice = make_user()
    key = issue_key(name="shop", scopes=["cases"], user=alice, expires_at=NOON + DAY)
    row, at = ApiKey.objects.get(), NOON
    if change == "revoke":
        revoke_key(row, at=NOON)
    elif change == "expire":
        at = NOON + DAY
    elif change == "close the account":
        alice.is_active = False
        alice.save()
    else:
        row.delete()
    book.refresh()

    assert book.find(key, at=at) is None
    assert book.why_not(key, at=at) == {
        "revoke": "This API key is revoked.",
        "expire": "This API key has expired.",
        "close the account": "This API key acts for a person whose account is closed.",
        "delete": "This API key does not exist.",
    }[change]  # fmt: skip


def test_a_key_lets_in_until_it_expires_though_nothing_is_read_again(book):
    key = issue_key(name="shop", scopes=["read"], expires_at=NOON + DAY)
    book.refresh()

    assert book.find(key, at=NOON + DAY - SECOND)
    assert book.find(key, at=NOON + DAY) is None


def test_while_the_database_is_away_the_last_known_keys_let_in(book, clock, caplog):
    key = issue_key(name="shop", scopes=["read"])
    book.refresh()

    with connection.execute_wrapper(fail):
        for _ in range(3):
            clock.seconds += RECHECK_SECONDS + 0.1
            book.refresh()

    assert book.find(key, at=NOON)
    assert not book.is_current()
    assert len(caplog.records) == 1


def test_a_database_that_is_away_is_not_asked_at_each_call(book, clock):
    with connection.execute_wrapper(fail):
        book.refresh()

    clock.seconds += UNKNOWN_SECONDS + 0.01
    assert not book.is_stale("fk_unknown")
    clock.seconds += RECHECK_SECONDS
    book.refresh()
    assert book.is_current()


# --- last used -----------------------------------------------------------------------------------------------------


def test_uses_are_written_when_the_keys_are_read(book, clock):
    used, unused = (issue_key(name=name, scopes=["read"]) for name in ("used", "unused"))
    book.refresh()
    book.find(used, at=NOON)
    book.find(used, at=NOON + SECOND)
    clock.seconds += RECHECK_SECONDS + 0.1
    book.refresh()

    assert (last_use_of(used), last_use_of(unused)) == (NOON + SECOND, None)


def test_the_use_of_the_call_that_waits_for_the_keys_is_written_with_them(book):
    key = issue_key(name="shop", scopes=["read"])
    book.refresh(key, at=NOON)

    assert last_use_of(key) == NOON


def test_a_key_that_ended_is_not_used(book):
    key = issue_key(name="shop", scopes=["read"], expires_at=NOON)
    book.refresh(key, at=NOON)

    assert last_use_of(key) is None


def test_a_use_is_written_once_a_minute_at_most(book, clock, django_assert_num_queries):
    key = issue_key(name="shop", scopes=["read"])
    book.refresh(key, at=NOON)

    for seconds, expected in ((59, NOON), (60, NOON + MINUTE)):
        clock.seconds += RECHECK_SECONDS + 0.1
        book.refresh(key, at=NOON + seconds * SECOND)
        assert last_use_of(key) == expected


def test_a_use_that_another_process_saw_later_stays(book):
    key = issue_key(name="shop", scopes=["read"])
    ApiKey.objects.update(last_used_at=NOON + DAY)
    book.refresh(key, at=NOON)

    assert last_use_of(key) == NOON + DAY


def test_uses_of_all_keys_are_one_update(book, clock, django_assert_num_queries):
    keys = [issue_key(name=str(number), scopes=["read"]) for number in range(5)]
    book.refresh()
    for key in keys:
        book.find(key, at=NOON)
    clock.seconds += RECHECK_SECONDS + 0.1

    with django_assert_num_queries(6) as queries:  # two of them, each between its savepoints
        book.refresh()

    assert sum(query["sql"].startswith("UPDATE") for query in queries.captured_queries) == 1
    assert set(ApiKey.objects.values_list("last_used_at", flat=True)) == {NOON}


def test_while_a_change_is_read_others_wait_for_it(book):
    book.refresh()
    issue_key(name="shop", scopes=["read"])
    waits = []

    def look(execute, *query):
        waits.append(book.must_wait("fk_new"))
        return execute(*query)

    book.forget()
    with connection.execute_wrapper(look):
        book.refresh()

    assert waits
    assert all(waits)
    assert not book.must_wait("fk_new")
