"""What the reviewer of a blind case finds on other pages, and what others see."""

import re

import pytest

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
