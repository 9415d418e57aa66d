"""Entries whose time is over are cleared away, and what stood when stays known."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from scoring.models import ListChange, ListEntry
from scoring.services import list_expiry
from scoring.services.list_expiry import clear_expired
from scoring.services.list_history import ListHistory
from scoring.services.lists import add_list_entry
from scoring.tasks import clear_expired_entries
from tests.factories import DAY, HOUR, make_user
from tests.scoring.payments import make_payment


@pytest.fixture
def mia(db):
    return make_user("manager")


def put(author, value, until):
    return add_list_entry(list_name="block", entity="card", value=value, reason="x", expires_at=until, author=author)


def test_what_is_over_goes_and_the_rest_stays(mia):
    put(mia, "over", now() - 2 * HOUR)
    put(mia, "just-over", now() - timedelta(minutes=1))
    put(mia, "running", now() + DAY)
    put(mia, "for-ever", None)

    assert clear_expired(at=now()) == 1

    assert set(ListEntry.objects.values_list("value", flat=True)) == {"just-over", "running", "for-ever"}
    assert list(ListChange.objects.filter(action="expired").values_list("value", "author")) == [("over", None)]


def test_clearing_again_changes_nothing(mia):
    put(mia, "over", now() - 2 * HOUR)
    assert clear_expired_entries() == 1

    assert clear_expired_entries() == 0
    assert ListChange.objects.filter(action="expired").count() == 1


def test_many_go_in_several_steps(mia, monkeypatch):
    monkeypatch.setattr(list_expiry, "_ROWS_AT_ONCE", 2)
    for number in range(5):
        put(mia, f"card-{number}", now() - DAY)

    assert clear_expired(at=now()) == 5


def test_what_stood_then_is_known_after_the_clearing(mia):
    put(mia, "card-1", now() + HOUR)
    then, later = now(), now() + 3 * HOUR
    before = [ListHistory([make_payment()]).hits(make_payment(), at=at) for at in (then, later)]

    assert clear_expired(at=later) == 1

    history = ListHistory([make_payment()])
    assert [history.hits(make_payment(), at=at) for at in (then, later)] == before
    assert [len(hits) for hits in before] == [1, 0]
