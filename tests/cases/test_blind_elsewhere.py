"""What the reviewer of a blind case finds on other pages, and what others see."""

import re

import pytest

from cases.models import Verdict
from scoring.services.lists import add_list_entry
from tests.cases.reviewing import in_review


@pytest.fixture
def reviewed(alice, bob):
    return in_review(alice, bob)


def test_the_reviewer_finds_nothing_by_search_or_on_the_cards_page(client, bob, reviewed):
    client.force_login(bob)

    for address in ("/search/?q=t-blind", "/entities/card/card-blind/"):
        text = client.get(address).content.decode()
        assert "fraud · " not in text
        assert f'{reviewed.get_absolute_url()}">open case' in text
        assert '<span class="band very-high">fraud' not in text


def test_the_figures_of_card_and_shop_do_not_count_it(client, bob, alice, reviewed):
    counted = re.compile(r"<dt>Confirmed fraud</dt><dd class=\"[a-z]*\">(\d+)|(\d+) confirmed fraud|>(\d+) fraud<")

    def frauds(person, address):
        client.force_login(person)
        return {int("".join(found)) for found in counted.findall(client.get(address).content.decode())} - {0}

    for address in ("/entities/card/card-blind/", "/entities/merchant/m-nordic/", "/entities/device/device-1/"):
        assert frauds(bob, address) == set(), address
        assert frauds(alice, address) == {1}, address


def test_others_see_the_decided_case_as_ever(client, alice, reviewed):
    client.force_login(alice)

    assert "Fraud · stolen card" in client.get(reviewed.get_absolute_url()).content.decode()


def test_the_lists_of_the_card_do_not_tell_that_the_verdict_put_it_there(client, alice, bob, reviewed):
    add_list_entry(
        list_name="block",
        entity="card",
        value="card-blind",
        reason=f"Verdict fraud, case {reviewed.id}",
        expires_at=None,
        author=alice,
    )
    address = "/entities/card/card-blind/"

    client.force_login(bob)
    told = client.get(address).content.decode()
    client.force_login(alice)
    ordinary = client.get(address).content.decode()

    assert "on the block list" not in told
    assert "Verdict fraud" not in told
    assert ordinary.count("Verdict fraud") == 2


def test_one_verdict_on_many_passes_it_over_without_a_word(client, bob, reviewed):
    client.force_login(bob)

    looked = client.get("/queue/selected/", {"case": str(reviewed.id)})
    said = client.post("/queue/selected/verdict/", {"case": f"{reviewed.id}:1", "verdict": "legitimate"}, follow=True)

    assert "No open case is chosen" in looked.content.decode()
    for response in (looked, said):
        assert response.status_code == 200
        text = response.content.decode()
        assert "lind" not in text
        assert "Alice" not in text
    assert Verdict.objects.get().verdict == "fraud"


def test_nobody_takes_back_what_they_review(client, bob, reviewed):
    Verdict.objects.update(state="waiting", settled_at=None)
    client.force_login(bob)

    response = client.post("/undo/", {"verdict": Verdict.objects.get().id}, follow=True)

    text = response.content.decode()
    assert "only who said the verdict can take it back" in text
    assert "Alice" not in text
    assert '<span class="band very-high">' not in text
    assert Verdict.objects.get().state == "waiting"
