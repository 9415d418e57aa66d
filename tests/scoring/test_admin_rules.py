"""Finding versions and rules in the admin, and the look at an expression while it is typed."""

import json
import re
from dataclasses import replace

import pytest
from django.contrib.auth.models import User

from tests.factories import make_user
from tests.scoring.payments import LARGE
from tests.scoring.policy_world import draft

CHECK = "/admin/scoring/rule/check/"


@pytest.fixture
def mia(db, client) -> User:
    user = make_user("manager")
    client.force_login(user)
    return user


# --- finding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["needle", "needle_rule", "amount &gt; 777".replace("&gt;", ">")])
def test_versions_are_found_by_note_code_and_expression(client, live, mia, words):
    found = draft(mia, replace(LARGE, code="needle_rule", expression="amount > 777"), note="a needle")
    draft(mia, note="hay")

    page = client.get("/admin/scoring/policy/", {"q": words})

    assert [policy.version for policy in page.context["cl"].result_list] == [found.version]


@pytest.mark.parametrize(
    "query", [{"q": "needle"}, {"tag": "night"}, {"of": "work"}, {"q": "amount > 777"}, {"q": "max"}, {"q": "night"}]
)
def test_rules_are_found_over_all_versions(client, live, mia, query):
    keeper = make_user("manager", username="max")
    draft(mia, replace(LARGE, code="needle", expression="amount > 777", tags=("night",), owner=keeper))

    page = client.get("/admin/scoring/rule/", query)

    assert [rule.code for rule in page.context["cl"].result_list] == ["needle"]


# --- while typing ----------------------------------------------------------------------------------------------------


def test_what_is_wrong_with_an_expression_is_said_with_its_place(client, mia):
    answer = client.post(CHECK, {"expression": "card_count_1h > 3 AND amnt > 5"}).json()

    assert answer["is_good"] is False
    assert "amount" in answer["words"]
    assert "card_count_1h > 3 AND amnt > 5"[slice(*answer["place"])] == "amnt"


def test_a_good_expression_says_what_it_reads(client, mia):
    answer = client.post(CHECK, {"expression": "amount > 5 AND in_list(card_id, 'block')"}).json()

    assert answer["is_good"] is True
    assert re.search(r"Reads amount, card_id; asks block\. Costs about \d+ ns", answer["words"])


@pytest.mark.parametrize("text", ["", "\x00", "(" * 5000, "a" * 100_000, "amount > 1e999", "\U0001f600 > 1"])
def test_hostile_text_gets_a_sentence(client, mia, text):
    response = client.post(CHECK, {"expression": text})

    assert response.status_code == 200
    assert json.loads(response.content)["is_good"] is False


@pytest.mark.parametrize("role", ["analyst", "lead", "auditor", None])
def test_only_who_writes_rules_may_ask(client, db, role):
    client.force_login(make_user(role))

    assert client.post(CHECK, {"expression": "amount > 1"}).status_code in (302, 403)
    assert client.get(CHECK).status_code in (302, 405)
