"""From a case: putting its people and things on a list, and silencing a rule for them."""

import pytest
from django.urls import reverse
from django.utils.timezone import now

from scoring.features.live import MemoryStore
from scoring.models import ListEntry, NamedList
from scoring.services.lists import add_list_entry
from tests.cases.entity_pages import text_of, url_of
from tests.factories import DAY, make_case, make_decision, make_user
from tests.scoring.degraded import decide
from tests.scoring.payments import make_payment, publish


@pytest.fixture
def case(db):
    payment = make_decision(
        card_id="card-9", customer_id="c-9", device_id="d-9", ip_address="192.0.2.9", rule_hits=["large", "gone"]
    )
    return make_case(decisions=[payment])


@pytest.fixture
def mules(db):
    return NamedList.objects.create(name="mules", title="Known mules")


def put(client, case, **fields):
    sent = {"who": "device:d-9", "list": "block", "reason": f"Case {case.id}", "days": "30"}
    return client.post(reverse("list_from_case", args=[case.id]), sent | fields)


def snooze(client, case, **fields):
    sent = {"who": "card:card-9", "rule": "large", "reason": "a wedding", "days": "7"}
    return client.post(reverse("snooze_rule", args=[case.id]), sent | fields)


@pytest.mark.parametrize(
    ("who", "payment"),
    [
        ("card:card-9", {"card_id": "card-9"}),
        ("customer:c-9", {"customer_id": "c-9"}),
        ("merchant:m-nordic", {"merchant_id": "m-nordic"}),
        ("device:d-9", {"device_id": "d-9"}),
        ("ip:192.0.2.9", {"ip_address": "192.0.2.9"}),
    ],
)
def test_one_click_blocks_and_the_very_next_payment_is_declined(as_mia, mia, case, who, payment):
    publish()
    assert f'value="{who}"' in text_of(as_mia.get(case.get_absolute_url()))

    response = put(as_mia, case, who=who)

    assert response.status_code == 302
    assert response.url == case.get_absolute_url()
    entry = ListEntry.objects.get()
    assert (entry.list_id, entry.author, entry.source) == ("block", mia, f"case {case.id}")
    assert 29 * DAY < entry.expires_at - now() < 31 * DAY
    (decision,) = decide(MemoryStore(), make_payment(**payment))
    assert decision.outcome == "decline"


def test_any_list_but_that_of_a_snooze_can_be_chosen(as_mia, case, mules):
    NamedList.objects.create(name="snooze:large", title="Snoozes")

    page = text_of(as_mia.get(case.get_absolute_url()))

    assert '<option value="mules" >Known mules (mules)</option>' in page
    assert "snooze:large" not in page
    assert put(as_mia, case, list="mules", days="0").status_code == 302
    assert ListEntry.objects.values_list("list", "entity", "value", "expires_at").get() == (
        "mules",
        "device",
        "d-9",
        None,
    )


def test_lists_to_choose_from_say_what_the_policy_in_force_does_with_them(as_mia, case, mules, monkeypatch):
    monkeypatch.setattr("scoring.services.policy.LIST_EFFECTS", {"mules": "review"})
    publish()

    assert "Known mules (mules): review</option>" in text_of(as_mia.get(case.get_absolute_url()))
    assert "Known mules (mules): review</option>" in text_of(as_mia.get(url_of("card", "card-9")))


@pytest.mark.parametrize(
    ("effect", "said"), [("review", "send every payment to review"), ("", "nothing by itself"), ("decline", "")]
)
def test_who_can_block_is_told_when_a_block_does_not_decline(as_alice, case, monkeypatch, effect, said):
    monkeypatch.setattr("scoring.services.policy.LIST_EFFECTS", {"block": effect} if effect else {})
    publish()

    page = text_of(as_alice.get(case.get_absolute_url()))

    assert ("What a block does" in page) == bool(said)
    assert said in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": ""}, {"reason": "x" * 201}, {"reason": "\0"}, {"list": "nolist"}, {"list": "snooze:large"},
        {"list": ""}, {"days": "400"}, {"list": "other"}, {"list": "\0"},
    ],
)  # fmt: skip
def test_a_bad_form_is_refused_on_the_page_and_nothing_is_listed(as_mia, case, wrong):
    response = put(as_mia, case, **wrong)

    assert response.status_code == 422
    assert 'role="alert"' in text_of(response)
    assert not ListEntry.objects.exists()


@pytest.mark.parametrize("who", ["", "device:other", "shop:m", "card:", "ip:nowhere", "card:\0", "card_prefix:card"])
def test_only_what_is_in_the_case_can_be_listed_from_it(as_mia, case, who):
    publish()

    assert put(as_mia, case, who=who).status_code == 404
    assert snooze(as_mia, case, who=who).status_code == 404
    assert not ListEntry.objects.exists()


def test_the_page_says_what_stands_already_networks_and_prefixes_too(as_alice, mia, case):
    for entity, value in (("ip", "192.0.2.0/24"), ("card_prefix", "card-"), ("device", "other")):
        add_list_entry(list_name="block", entity=entity, value=value, reason="x", expires_at=None, author=mia)

    page = text_of(as_alice.get(case.get_absolute_url()))

    assert "on the block list as 192.0.2.0/24" in page
    assert "on the block list as card-" in page
    assert "list_from_case" not in page
    assert 'name="who"' not in page
    entity_page = text_of(as_alice.get(url_of("ip", "192.0.2.9")))
    assert "192.0.2.0/24" in entity_page


def test_a_case_on_no_list_says_nothing_to_who_may_not_list(client, case):
    client.force_login(make_user("auditor"))

    assert 'id="case-lists"' not in text_of(client.get(case.get_absolute_url()))


def test_device_and_address_are_ticked_for_the_verdict_beside_what_they_stand_on(as_alice, case):
    page = text_of(as_alice.get(case.get_absolute_url()))

    assert 'form="verdict-panel" name="block_device" value="d-9"' in page
    assert 'form="verdict-panel" name="block_ip" value="192.0.2.9"' in page


def test_a_rule_is_silenced_for_a_card_from_the_case_and_speaks_again_from_its_page(as_mia, case):
    publish()
    page = text_of(as_mia.get(case.get_absolute_url()))
    assert "<option>large</option>" in page
    assert "<option>gone</option>" not in page

    assert snooze(as_mia, case).status_code == 302

    entry = ListEntry.objects.get()
    assert (entry.list_id, entry.value) == ("snooze:large", "card-9")
    (silent,) = decide(MemoryStore(), make_payment(card_id="card-9", amount="1500"))
    assert silent.outcome == "approve"
    entity_page = text_of(as_mia.get(url_of("card", "card-9")))
    assert "rule large is silent" in entity_page
    sent = {"entity": "card", "value": "card-9", "reason": "enough"}
    ended = as_mia.post(reverse("remove_from_list", args=[entry.id]), sent, follow=True)
    assert "The rule large speaks again" in text_of(ended)


@pytest.mark.parametrize("wrong", [{"rule": "other"}, {"rule": ""}, {"days": "91"}, {"reason": ""}, {"rule": "a b"}])
def test_a_bad_snooze_is_refused_on_the_page(as_mia, case, wrong):
    publish()

    response = snooze(as_mia, case, **wrong)

    assert response.status_code == 422
    assert 'role="alert"' in text_of(response)
    assert not ListEntry.objects.exists()


@pytest.mark.parametrize("role", ["analyst", "lead", "auditor", None])
def test_who_may_not_list_is_refused(client, case, role):
    client.force_login(make_user(role))

    assert put(client, case).status_code == 403
    assert snooze(client, case).status_code == 403
    assert not ListEntry.objects.exists()


def test_a_network_taken_off_leads_back_to_the_address_that_met_it(as_mia, mia):
    make_decision(ip_address="192.0.2.9")
    entry = add_list_entry(
        list_name="block", entity="ip", value="192.0.2.0/24", reason="x", expires_at=None, author=mia
    )

    response = as_mia.post(
        reverse("remove_from_list", args=[entry.id]), {"entity": "ip", "value": "192.0.2.9", "reason": "x"}
    )

    assert response.url == url_of("ip", "192.0.2.9")


def test_another_list_is_chosen_on_the_page_of_an_entity(as_mia, mules):
    make_decision()
    sent = {"entity": "device", "value": "device-1", "list": "other", "other": "mules", "reason": "x", "days": "7"}

    assert as_mia.post(reverse("add_to_list"), sent).status_code == 302
    assert ListEntry.objects.get().list_id == "mules"
    assert as_mia.post(reverse("add_to_list"), sent | {"other": ""}).status_code == 422
