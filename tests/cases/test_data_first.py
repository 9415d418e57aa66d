"""Data first: nothing of the model reaches the browser before the verdict."""

import re

import pytest

from cases.services import verdicts
from cases.services.review_settings import change_settings
from tests.factories import NOON, flag, make_case, make_decision

REASONS = [{"code": "card_count_1h", "words": "seventeen payments in an hour", "contribution": 1.2345}]
# The score, the stake (score x amount), the reason, its contribution, the bands.
HIDDEN = re.compile(r"0\.87\d|8,?77|seventeen|1\.23|very high|>high<|elevated|at stake, |log-odds", re.I)


@pytest.fixture
def case(db):
    payment = {"score": 0.8765, "amount": "1000.00", "reasons": REASONS, "card_id": "card-data"}
    return flag(make_decision(**payment), make_decision(**payment))


@pytest.fixture
def as_blind_alice(client, alice):
    change_settings(values={}, displays={alice.id: "always"})
    client.force_login(alice)
    return client


ADDRESSES = [
    "/queue/",
    "CASE",
    "/live/",
    "/search/?q=card-data",
    "/entities/card/card-data/",
    "/entities/merchant/m-nordic/",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_page_shows_the_score_before_the_verdict(as_blind_alice, case, address):
    text = as_blind_alice.get(address.replace("CASE", case.get_absolute_url())).content.decode()

    assert "card-data" in text or "•••• data" in text
    # The line at the queue's foot says how its order is made.
    assert HIDDEN.findall(text) == []


@pytest.mark.parametrize("address", ["/queue/", "CASE", "/live/", "/search/?q=card-data", "/entities/card/card-data/"])
def test_who_sees_the_score_first_finds_it_there(as_alice, case, address):
    text = as_alice.get(address.replace("CASE", case.get_absolute_url())).content.decode()

    assert HIDDEN.findall(text) != []


def test_the_plain_facts_stay(as_blind_alice, case):
    text = as_blind_alice.get(case.get_absolute_url()).content.decode()

    for fact in ("1,000.00", "Nordic Electronics", "This card, last 30 days", "Usual payment", "Related", "review"):
        assert fact in text
    assert "score shown after the verdict" in text
    assert "Why it is here" not in text


def test_the_claims_fragment_hides_it_too(as_blind_alice, case):
    response = as_blind_alice.post(f"{case.get_absolute_url()}claim/", headers={"HX-Request": "true"})

    assert HIDDEN.findall(response.content.decode()) == []
    assert "1,000 EUR" in response.content.decode()


def test_after_the_verdict_the_score_is_there(as_blind_alice, alice, case):
    verdicts.record(case=case, analyst=alice, verdict="fraud", typology="", note="", decided_at=NOON)

    text = as_blind_alice.get(case.get_absolute_url()).content.decode()

    assert "score 0.877" in text.replace("0.876", "0.877")
    assert "seventeen payments" in text


def test_at_random_a_case_is_shown_the_same_way_each_time(client, alice):
    change_settings(values={"display": "random", "data_first_share": 0.5, "salt": "fixed"}, displays={})
    client.force_login(alice)
    cases = [make_case() for _ in range(12)]

    looks = [["Why it is here" in client.get(case.get_absolute_url()).content.decode() for case in cases] for _ in "12"]

    assert looks[0] == looks[1]
    rows = client.get("/queue/").content.decode()
    assert rows.count("after the verdict") == looks[0].count(False)
