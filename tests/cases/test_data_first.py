"""Data first: nothing of the model reaches the browser before the verdict."""

import re

import pytest

from cases.models import ApprovalLimit, Verdict
from cases.services import verdict_effects, verdicts
from cases.services.review_settings import change_settings
from tests.factories import NOON, flag, make_case, make_decision, make_user
from tests.timeless import without_instants

REASONS = [{"code": "card_count_1h", "words": "seventeen payments in an hour", "contribution": 1.2345}]
# The score, the stake (score x amount), the reason, its contribution, the bands.
HIDDEN = re.compile(r"0\.87\d|8,?77|seventeen|1\.23|very high|>high<|elevated|at stake, |log-odds", re.I)


def shown(response) -> str:
    """The page without the choices of its filter, which name every band, and without what is drawn by chance."""
    text = re.sub(r"<form[^>]*data-filter-form.*?</form>", "", response.content.decode(), flags=re.S)
    return re.sub(r"[0-9a-f-]{36}|[A-Za-z0-9]{64}", "", without_instants(text))


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
    "/queue/selected/?case=ID",
    "/live/",
    "/search/?q=card-data",
    "/entities/card/card-data/",
]


def at(client, address, case):
    return client.get(address.replace("CASE", case.get_absolute_url()).replace("ID", str(case.id)))


@pytest.mark.parametrize("address", [*ADDRESSES, "/entities/merchant/m-nordic/", "CASEgraph/", "CASEmap/"])
def test_no_page_shows_the_score_before_the_verdict(as_blind_alice, case, address):
    text = shown(at(as_blind_alice, address, case))

    assert "card-data" in text or "•••• data" in text
    assert HIDDEN.findall(text) == []


@pytest.mark.parametrize("address", ADDRESSES)
def test_who_sees_the_score_first_finds_it_there(as_alice, case, address):
    assert HIDDEN.findall(shown(at(as_alice, address, case))) != []


@pytest.mark.parametrize("address", ["CASEprint/", "CASEpayments/PAYMENT/reasons/0/"])
def test_what_consists_of_scores_is_refused_before_the_verdict(as_blind_alice, case, address):
    payment = case.alerts.latest("id").decision_id

    response = at(as_blind_alice, address.replace("PAYMENT", str(payment)), case)

    assert response.status_code == 403
    assert HIDDEN.findall(shown(response)) == []


def test_the_rows_of_the_queue_carry_no_stake_for_scripts(as_blind_alice, case):
    text = as_blind_alice.get("/queue/").content.decode()

    assert f'data-case="{case.id}"' in text
    assert "data-stake=" not in text
    assert "data-reason=" not in text


def test_the_plain_facts_stay(as_blind_alice, case):
    text = as_blind_alice.get(case.get_absolute_url()).content.decode()

    for fact in ("1,000.00", "Nordic Electronics", "This card", "Usual payment", "Related", "review"):
        assert fact in text
    assert "score shown after the verdict" in text
    assert "Why it is here" not in text


def test_the_claims_fragment_hides_it_too(as_blind_alice, case):
    response = as_blind_alice.post(f"{case.get_absolute_url()}claim/", headers={"HX-Request": "true"})

    assert HIDDEN.findall(shown(response)) == []
    assert "1,000 EUR" in response.content.decode()


@pytest.mark.parametrize("address", ["CASE", "/search/?q=card-data", "/entities/card/card-data/"])
def test_while_the_verdict_can_be_undone_the_score_waits(as_blind_alice, alice, case, address):
    said = verdicts.record(case=case, analyst=alice, verdict="fraud", decided_at=NOON)
    waiting = re.sub(
        r'<span class="band very-high">fraud[^<]*', "", shown(at(as_blind_alice, address, case)), flags=re.I
    )
    assert HIDDEN.findall(waiting) == []
    assert at(as_blind_alice, "CASEprint/", case).status_code == 403

    verdict_effects.settle(said.id, now=said.effects_at)

    assert HIDDEN.findall(shown(at(as_blind_alice, address, case))) != []
    assert at(as_blind_alice, "CASEprint/", case).status_code == 200


def test_who_approves_sees_the_stake_as_late_as_others(client, bob, case):
    ApprovalLimit.objects.create(verdict="fraud", amount=0)
    verdicts.record(case=case, analyst=make_user(username="nina"), verdict="fraud", decided_at=NOON)
    client.force_login(bob)
    assert "1,75" in client.get("/approvals/").content.decode()

    change_settings(values={}, displays={bob.id: "always"})

    assert Verdict.objects.get().state == "approval"
    text = client.get("/approvals/").content.decode()
    assert "after the verdict" in text
    assert "1,75" not in text


def test_after_the_verdict_the_score_is_there(as_blind_alice, alice, case):
    said = verdicts.record(case=case, analyst=alice, verdict="fraud", decided_at=NOON)
    verdict_effects.settle(said.id, now=said.effects_at)

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
