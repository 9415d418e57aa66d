"""Putting a card, merchant, device or address on a list from its page, and taking it off."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from scoring.models import ListChange, ListEntry
from tests.cases.entity_pages import NAMES, listed, pay, text_of, url_of
from tests.factories import DAY, HOUR, make_user
from tests.scoring.payments import publish

BLOCK = {"list": "block", "reason": "card testing", "days": "30"}


def test_the_page_says_on_which_lists_it_stands_why_and_until_when(as_alice, mia):
    pay()
    listed(mia, expires_at=now() + 3 * DAY)
    listed(mia, list_name="allow", reason="the chief's card")
    listed(mia, entity="device", reason="of the device")

    text = text_of(as_alice.get(url_of("card", "card-7731")))

    assert f"{(now() + 3 * DAY):%-d %b}" in text
    assert "stolen" in text
    assert "the chief&#x27;s card" in text
    assert "for ever" in text
    assert "Mia, since" in text
    assert "of the device" not in text


def test_an_expired_entry_is_history(as_alice, mia):
    pay()
    listed(mia, expires_at=now() - HOUR)

    response = as_alice.get(url_of("card", "card-7731"))

    assert response.context["detail"].entries == []
    assert "Put on the block list</b> by Mia" in text_of(response)


@pytest.mark.parametrize("kind", NAMES)
def test_a_manager_blocks_for_30_days(as_mia, mia, kind):
    pay()

    response = as_mia.post(reverse("add_to_list"), BLOCK | {"entity": kind, "value": NAMES[kind]}, follow=True)

    entry = ListEntry.objects.get()
    assert (entry.list_id, entry.entity, entry.value) == ("block", kind, NAMES[kind])
    assert (entry.reason, entry.author) == ("card testing", mia)
    assert entry.expires_at - now() < 30 * DAY
    assert entry.expires_at - now() > 30 * DAY - timedelta(minutes=5)
    assert response.redirect_chain == [(url_of(kind, NAMES[kind]), 302)]
    assert "is on the block list until" in text_of(response)


@pytest.mark.parametrize(
    ("effects", "block", "allow"),
    [
        (
            {"block": "decline", "allow": "approve"},
            "decline every payment of this IP address (1 in 30 days)",
            "approve every payment of this IP address whatever score and rules say; a list that declines still counts",
        ),
        (
            {"block": "review", "allow": "approve"},
            "send every payment of this IP address to review",
            "whatever score and rules say</small>",
        ),
        ({}, "nothing by itself: the policy in force leaves this list to its rules", "nothing by itself"),
    ],
)
def test_the_buttons_say_what_the_policy_in_force_does(as_mia, monkeypatch, effects, block, allow):
    pay()
    monkeypatch.setattr("scoring.services.policy.LIST_EFFECTS", effects)
    publish()

    text = text_of(as_mia.get(url_of("ip", "192.0.2.7")))

    blocking, allowing = text.split('name="list" value="block"')[1].split('name="list" value="allow"')
    assert block in blocking
    assert allow in allowing


def test_an_entry_may_stand_for_ever(as_mia):
    pay()

    as_mia.post(reverse("add_to_list"), BLOCK | {"entity": "card", "value": "card-7731", "list": "allow", "days": "0"})

    entry = ListEntry.objects.get()
    assert (entry.list_id, entry.expires_at) == ("allow", None)


def test_an_address_is_listed_in_its_one_form(as_mia):
    pay(ip_address="2001:db8::1")

    as_mia.post(reverse("add_to_list"), BLOCK | {"entity": "ip", "value": "2001:DB8:0::1"})

    assert ListEntry.objects.get().value == "2001:db8::1"


@pytest.mark.parametrize(
    "wrong", [{"reason": " "}, {"reason": "r" * 201}, {"reason": "\0"}, {"days": "365"}, {"days": ""}, {"list": "x"}]
)
def test_a_bad_entry_is_refused_and_what_was_written_is_kept(as_mia, wrong):
    pay()

    response = as_mia.post(reverse("add_to_list"), BLOCK | {"entity": "card", "value": "card-7731"} | wrong)

    assert response.status_code == 422
    assert 'role="alert"' in text_of(response)
    assert "reason" in wrong or 'value="card testing"' in text_of(response)
    assert not ListEntry.objects.exists()


@pytest.mark.parametrize("wrong", [{"entity": "shop"}, {"value": ""}, {"entity": "ip"}, {"value": "\0"}])
@pytest.mark.parametrize("reason", ["x", ""])
def test_nothing_is_listed_that_no_payment_could_carry(as_mia, wrong, reason):
    sent = BLOCK | {"entity": "card", "value": "card-7731", "reason": reason}

    assert as_mia.post(reverse("add_to_list"), sent | wrong).status_code == 404
    assert not ListEntry.objects.exists()


def test_a_card_number_is_refused_on_the_page(as_mia):
    pay(card_id="4111111111111111")

    response = as_mia.post(reverse("add_to_list"), BLOCK | {"entity": "card", "value": "4111111111111111"})

    assert response.status_code == 422
    assert "looks like a card number" in text_of(response)
    assert not ListEntry.objects.exists()


def test_a_manager_takes_off_and_says_why(as_mia, mia):
    pay()
    entry = listed(make_user("lead"))
    sent = {"entity": "card", "value": "card-7731", "reason": "card found again"}

    response = as_mia.post(reverse("remove_from_list", args=[entry.id]), sent, follow=True)

    assert not ListEntry.objects.exists()
    change = ListChange.objects.get(action="removed")
    assert (change.author, change.reason, change.value) == (mia, "card found again", "card-7731")
    assert "Card •••• 7731 is off the block list." in text_of(response)
    assert "Taken off the block list</b> by Mia" in text_of(response)


def test_taking_off_without_a_reason_is_refused(as_mia, mia):
    pay()
    entry = listed(mia)

    response = as_mia.post(
        reverse("remove_from_list", args=[entry.id]), {"entity": "card", "value": "card-7731", "reason": ""}
    )

    assert response.status_code == 422
    assert "<details open>" in text_of(response)
    assert "Say why" in text_of(response)
    assert ListEntry.objects.exists()


def test_the_slower_of_two_who_take_off_is_told(as_mia, mia):
    pay()
    entry = listed(mia)
    sent = {"entity": "card", "value": "card-7731", "reason": "x"}
    as_mia.post(reverse("remove_from_list", args=[entry.id]), sent)

    response = as_mia.post(reverse("remove_from_list", args=[entry.id]), sent)

    assert response.status_code == 422
    assert "Somebody has taken it off the list already" in text_of(response)


@pytest.mark.parametrize("role", ["analyst", "lead", "auditor"])
def test_who_may_not_list_sees_no_form_and_changes_nothing(client, mia, role):
    pay()
    entry = listed(mia)
    client.force_login(make_user(role))
    sent = BLOCK | {"entity": "card", "value": "card-7731"}

    page = text_of(client.get(url_of("card", "card-7731")))

    assert "on the block list" in page
    assert 'name="reason"' not in page
    assert client.post(reverse("add_to_list"), sent | {"list": "allow"}).status_code == 403
    assert client.post(reverse("remove_from_list", args=[entry.id]), sent).status_code == 403
    assert ListEntry.objects.get() == entry
