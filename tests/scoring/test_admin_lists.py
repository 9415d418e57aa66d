"""Block and allow lists in the admin."""

import pytest
from django.contrib.auth.models import User
from django.utils.timezone import now

from scoring.admin import lists
from scoring.models import ListChange, ListEntry
from scoring.services.lists import add_list_entry
from tests.factories import HOUR, make_user

ADD_ENTRY = "/admin/scoring/listentry/add/"


def entry(**overrides) -> dict:
    return {"list": "block", "entity": "card", "value": "card-1", "reason": "stolen"} | overrides


@pytest.fixture
def mia(db, client) -> User:
    user = make_user("manager")
    client.force_login(user)
    return user


def test_a_manager_puts_a_card_on_a_list_and_takes_it_off(client, mia):
    client.post(ADD_ENTRY, entry())

    row = ListEntry.objects.get()
    assert (row.list_id, row.entity, row.value, row.reason, row.author) == ("block", "card", "card-1", "stolen", mia)
    assert client.post(f"/admin/scoring/listentry/{row.id}/change/", entry(value="x")).status_code == 403

    client.post(f"/admin/scoring/listentry/{row.id}/delete/", {"post": "yes"})
    assert not ListEntry.objects.exists()
    assert list(ListChange.objects.order_by("id").values_list("action", "reason", "author")) == [
        ("added", "stolen", mia.id),
        ("removed", "taken off in the admin", mia.id),
    ]


def test_several_taken_off_at_once_each_leave_a_trace(client, mia):
    for value in ("card-1", "card-2"):
        client.post(ADD_ENTRY, entry(value=value))
    chosen = list(ListEntry.objects.values_list("id", flat=True))

    client.post("/admin/scoring/listentry/", {"action": "delete_selected", "_selected_action": chosen, "post": "yes"})

    assert not ListEntry.objects.exists()
    assert set(ListChange.objects.filter(action="removed").values_list("value", flat=True)) == {"card-1", "card-2"}


def test_an_address_is_kept_in_its_one_form(client, mia):
    client.post(ADD_ENTRY, entry(entity="ip", value="2001:DB8:0::1"))

    assert ListEntry.objects.get().value == "2001:db8::1"


def test_a_card_whose_block_has_ended_is_blocked_once_more(client, mia):
    ended = now() - HOUR
    add_list_entry(list_name="block", entity="card", value="card-1", reason="x", expires_at=ended, author=mia)

    response = client.post(ADD_ENTRY, entry(value=" card-1"))

    assert response.status_code == 302
    assert ListEntry.objects.values_list("reason", "expires_at").get() == ("stolen", None)
    assert list(ListChange.objects.order_by("id").values_list("action", "reason")) == [
        ("added", "x"),
        ("added", "stolen"),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        {"entity": "ip", "value": "nowhere"},
        {"list": "maybe"},
        {"value": ""},
        {"reason": ""},
        {"expires_at_0": "9999-12-31", "expires_at_1": "12:00"},
    ],
)
def test_a_bad_entry_is_refused(client, mia, bad):
    assert client.post(ADD_ENTRY, entry(**bad)).status_code == 200
    assert not ListEntry.objects.exists()


def test_more_than_a_person_can_look_at_are_taken_off_by_a_file(client, mia, monkeypatch):
    monkeypatch.setattr(lists, "_MOST_SELECTED", 1)
    for value in ("card-1", "card-2"):
        client.post(ADD_ENTRY, entry(value=value))
    chosen = list(ListEntry.objects.values_list("id", flat=True))

    asked = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    response = client.post("/admin/scoring/listentry/", asked, follow=True)

    assert "At most 1 entries at once" in response.content.decode()
    assert ListEntry.objects.count() == 2
