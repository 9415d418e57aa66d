"""Block and allow lists: what stands on them, and the trace of every change."""

from functools import partial

import pytest
from django.utils.timezone import now

from scoring.models import ListChange, ListEntry
from scoring.services.lists import ListValueError, NotListedError, add_list_entry, remove_list_entry
from tests.cases.test_alerts import in_threads
from tests.factories import DAY, make_user


@pytest.fixture
def mia(db):
    return make_user("manager")


def put(author, **overrides) -> ListEntry:
    values = {
        "list_name": "block",
        "entity": "device",
        "value": "device-1",
        "reason": "card testing",
        "expires_at": None,
    }
    return add_list_entry(**values | overrides, author=author)


def test_an_entry_that_is_taken_off_leaves_who_when_and_why(mia):
    until = now() + DAY
    entry = put(mia, expires_at=until)

    remove_list_entry(entry_id=entry.id, reason="the owner called", author=mia)

    assert not ListEntry.objects.exists()
    added, removed = ListChange.objects.order_by("id")
    assert (added.action, added.reason, added.expires_at, added.author) == ("added", "card testing", until, mia)
    assert (removed.action, removed.reason, removed.author) == ("removed", "the owner called", mia)
    assert (removed.list_id, removed.entity, removed.value) == ("block", "device", "device-1")
    assert added.happened_at <= removed.happened_at <= now()


def test_a_new_reason_does_not_wipe_out_the_one_before(mia):
    put(mia)
    put(mia, reason="and again")

    assert ListEntry.objects.get().reason == "and again"
    assert list(ListChange.objects.order_by("id").values_list("reason", flat=True)) == ["card testing", "and again"]


def test_what_was_taken_off_is_not_taken_off_twice(mia):
    entry = put(mia)
    remove_list_entry(entry_id=entry.id, reason="once", author=mia)

    with pytest.raises(NotListedError):
        remove_list_entry(entry_id=entry.id, reason="twice", author=mia)

    assert ListChange.objects.filter(action="removed").count() == 1


def test_an_address_has_one_form_in_the_trace_too(mia):
    put(mia, entity="ip", value="2001:DB8:0::1")

    assert ListChange.objects.get().value == ListEntry.objects.get().value == "2001:db8::1"


def test_what_is_no_address_is_neither_listed_nor_traced(mia):
    with pytest.raises(ListValueError, match="neither an address nor a network"):
        put(mia, entity="ip", value="nowhere")

    assert not ListEntry.objects.exists()
    assert not ListChange.objects.exists()


def test_an_entry_that_is_put_on_again_stands_there_since_then(mia):
    since = put(mia).created_at
    renewed = put(mia, reason="and again")

    assert ListEntry.objects.get().created_at == renewed.created_at > since


def test_the_admin_says_that_an_entry_is_off_already(client, mia, monkeypatch):
    entry = put(mia)
    client.force_login(mia)

    def be_too_late(**arguments):
        raise NotListedError(entry.id)

    monkeypatch.setattr("scoring.admin.lists.remove_list_entry", be_too_late)
    response = client.post(f"/admin/scoring/listentry/{entry.id}/delete/", {"post": "yes"}, follow=True)

    assert response.status_code == 200
    assert "was off the list already" in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_several_who_put_on_the_same_at_once_one_entry_stands_and_each_leaves_a_trace():
    mia = make_user("manager")

    in_threads(*[partial(put, mia, reason=f"by {number}") for number in range(4)])

    changes = list(ListChange.objects.order_by("id").values_list("reason", flat=True))
    assert len(changes) == 4
    assert ListEntry.objects.get().reason == changes[-1]


@pytest.mark.django_db(transaction=True)
def test_of_several_who_take_off_at_once_one_is_told_that_it_was_theirs():
    mia = make_user("manager")
    entry = put(mia)

    def take_off():
        try:
            return remove_list_entry(entry_id=entry.id, reason="x", author=mia).value
        except NotListedError:
            return None

    assert sorted(in_threads(*[take_off] * 4), key=str) == [None, None, None, "device-1"]
    assert ListChange.objects.filter(action="removed").count() == 1
