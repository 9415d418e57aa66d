"""The drawings of a case as fragments and as pages: who may see them, what they say, how many queries they take."""

import re
from decimal import Decimal
from uuid import uuid4

import numpy as np
import pytest
from django.urls import reverse

from scoring.features.definitions import INDEX, NAMES, VERSION
from scoring.models import Policy, Rule
from tests.factories import DAY, HOUR, MINUTE, NOON, flag, make_case, make_decision, make_label, make_queue, make_user
from tests.timeless import without_instants

HTMX = {"HX-Request": "true"}
HOSTILE = '<img src=x onerror="alert(1)">'
DRAWINGS = ["case_graph", "case_places", "card_timeline", "shared_payments", "reason_numbers"]
PLACED = {"channel": "pos", "merchant_country": "FR", "latitude": 45.76, "longitude": 4.84}


def url_of(name, case, decision_id=None, last=None):
    decision_id = decision_id or case.alerts.latest("id").decision_id
    more = {"shared_payments": [decision_id, last or "device"], "reason_numbers": [decision_id, last or 0]}
    return reverse(name, args=[case.id, *more.get(name, [])])


def text_of(response):
    return response.content.decode()


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("role", ["analyst", "lead", "manager", "auditor"])
def test_every_role_sees_every_drawing(client, case, role, name):
    client.force_login(make_user(role))

    assert client.get(url_of(name, case)).status_code == 200


@pytest.mark.parametrize("name", DRAWINGS)
def test_nobody_else_does(client, mallory, case, name):
    assert client.get(url_of(name, case)).url.startswith("/login/?next=")
    client.force_login(mallory)

    response = client.get(url_of(name, case), headers=HTMX)

    assert response.status_code == 403
    assert case.card_id[-4:] not in text_of(response)


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_are_only_looked_at(as_alice, case, name):
    assert as_alice.post(url_of(name, case)).status_code == 405


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_page_asks_for_a_fragment_and_a_browser_without_scripts_gets_a_page(as_alice, case, name):
    fragment, page = as_alice.get(url_of(name, case), headers=HTMX), as_alice.get(url_of(name, case))

    assert "<html" not in text_of(fragment)
    assert "Back to the case" in text_of(page)
    assert text_of(fragment).strip() in text_of(page)
    assert " style=" not in text_of(page)
    assert "<style" not in text_of(page)


@pytest.mark.parametrize("name", DRAWINGS)
def test_there_are_no_drawings_of_no_case(as_alice, case, name):
    case_url = url_of(name, case).replace(str(case.id), str(uuid4()))

    assert as_alice.get(case_url).status_code == 404


def test_payments_of_other_cases_and_what_they_do_not_have_are_not_found(as_alice, case):
    other = make_case().alerts.get().decision_id
    bare = make_case(decisions=[make_decision(device_id="", card_id="card-bare")])

    for name in ("shared_payments", "reason_numbers"):
        assert as_alice.get(url_of(name, case, other)).status_code == 404
        assert as_alice.get(url_of(name, case, 2**70)).status_code == 404
    assert as_alice.get(url_of("shared_payments", bare)).status_code == 404
    assert as_alice.get(url_of("shared_payments", case, last="customer")).status_code == 404
    assert as_alice.get(url_of("shared_payments", case, last="planet")).status_code == 404
    assert as_alice.get(url_of("reason_numbers", case, last=7)).status_code == 404
    assert as_alice.get(url_of("card_timeline", case) + "?span=year").status_code == 404


def test_hostile_names_are_text_in_every_drawing(as_alice):
    hostile = {"merchant_name": HOSTILE, "customer_id": "<b>x</b>", "device_id": "<i>y</i>", "merchant_id": "<u>z</u>"}
    make_label(make_decision(card_id="<s>other</s>", **hostile, record=PLACED))
    case = flag(
        make_decision(**hostile, record=PLACED, occurred_at=NOON - MINUTE),
        make_decision(**hostile, record=PLACED | {"latitude": 50}, reasons=[{"code": HOSTILE, "words": HOSTILE}]),
    )

    for name in DRAWINGS:
        text = text_of(as_alice.get(url_of(name, case)))
        for part in ("<img src=x", "<b>x", "<i>y", "<u>z", "<s>other"):
            assert part not in text
    assert "&lt;img" in text_of(as_alice.get(url_of("case_places", case)))
    assert "&lt;img" in text_of(as_alice.get(url_of("case_graph", case)))


def test_a_name_without_a_page_is_drawn_without_a_link(as_alice):
    case = flag(make_decision(device_id="../x"))

    text = text_of(as_alice.get(url_of("case_graph", case)))

    assert re.search(r'<g role="img" class="node " data-box="\d" aria-label="Device \.\./x', text)
    assert "/entities/device/" not in text


@pytest.mark.parametrize("name", DRAWINGS)
def test_more_payments_take_as_many_queries(as_alice, django_assert_num_queries, django_assert_max_num_queries, name):
    case = flag(make_decision(record=PLACED))
    make_decision(card_id="card-1")
    as_alice.get(url_of(name, case))
    with django_assert_max_num_queries(12) as few:
        as_alice.get(url_of(name, case), headers=HTMX)
    for number in range(12):
        make_label(make_decision(card_id=f"card-{number}", occurred_at=NOON - number * HOUR))
        make_decision(occurred_at=NOON - number * DAY, outcome="approve", record=PLACED | {"latitude": number})
    flag(make_decision(customer_id="c-2", device_id="device-2"))

    with django_assert_num_queries(len(few)):
        as_alice.get(url_of(name, case), headers=HTMX)


def test_the_case_page_asks_for_its_drawings_later(as_alice):
    placed, bare = flag(make_decision(record=PLACED)), flag(make_decision(card_id="card-bare", record={}))

    page = text_of(as_alice.get(placed.get_absolute_url()))

    assert f'hx-get="{url_of("case_graph", placed)}" hx-trigger="intersect once"' in page
    assert f'<a href="{url_of("case_places", placed)}">' in page
    assert "Places, last 30 days" not in text_of(as_alice.get(bare.get_absolute_url()))


def test_the_map_tells_impossible_travel_in_words(as_alice):
    make_decision(occurred_at=NOON - 40 * MINUTE, record=PLACED, merchant_name="Café", outcome="approve")
    riga = {"merchant_country": "LV", "latitude": 56.95, "longitude": 24.11}
    case = flag(make_decision(record=riga, merchant_name="Kiosk"))

    text = text_of(as_alice.get(url_of("case_places", case)))

    assert "Impossible travel</b>" in text
    assert "Café (FR) to Kiosk (LV): 1,8" in text
    assert 'class="way impossible"' in text
    assert "FR 1, LV 1 (this case)" in text


def test_without_coordinates_the_countries_are_listed(as_alice):
    case = flag(make_decision(record={"merchant_country": "SE"}))

    text = text_of(as_alice.get(url_of("case_places", case)))

    assert "SE 1 (this case)" in text
    assert '<svg class="map"' not in text


def test_the_timeline_zooms(as_alice):
    make_decision(occurred_at=NOON - 3 * DAY, outcome="approve", amount=Decimal(40))
    make_decision(occurred_at=NOON - 20 * DAY, outcome="decline", amount=Decimal(60))
    case = flag(make_decision())

    month, week, day = (
        text_of(as_alice.get(url_of("card_timeline", case) + f"?span={span}", headers=HTMX))
        for span in ("month", "week", "day")
    )

    assert "2 other payments in 30 days" in month
    assert 'class="declined-cross"' in month
    assert "EUR, Nordic Electronics, declined" in month
    assert "1 other payment in 7 days" in week
    assert "No other payments in 24 hours" in day
    assert 'span=day" hx-get' in day
    assert 'aria-current="true" >24 hours' in day


def test_the_timeline_is_a_table_too(as_alice):
    make_label(make_decision(occurred_at=NOON - 3 * DAY, outcome="decline", amount=Decimal("40.50")))
    make_decision(occurred_at=NOON - 9 * DAY, outcome="approve", amount=Decimal("77.70"))
    case = flag(make_decision())

    text = text_of(as_alice.get(url_of("card_timeline", case) + "?span=week&rows", headers=HTMX))

    assert "40.50" in text
    assert "fraud · chargeback" in text
    assert "<b>this case</b>" in text
    assert "77.70" not in text


def test_the_table_leads_to_another_case_of_a_queue_one_sees(as_alice):
    values = {"status": "decided", "verdict": "inconclusive", "decided_at": NOON}
    for number, queue in enumerate((make_queue("secret", members=[make_user(username="ann")], takes_new=False), None)):
        make_case(decisions=[make_decision(occurred_at=NOON - (number + 1) * HOUR)], queue=queue, **values)
    case = flag(make_decision())

    text = text_of(as_alice.get(url_of("card_timeline", case) + "?rows", headers=HTMX))

    assert text.count("another case</a>") == 1
    assert text.count("not labelled") == 1


def test_the_payments_behind_a_tie_are_opened(as_alice):
    fraud = make_decision(card_id="card-2209", amount=Decimal("890.00"), occurred_at=NOON - HOUR)
    other_case = flag(fraud)
    make_label(fraud)
    make_decision(card_id="card-0071", amount=Decimal("45.00"), outcome="approve")
    case = flag(make_decision())

    page = text_of(as_alice.get(case.get_absolute_url()))
    device = text_of(as_alice.get(url_of("shared_payments", case), headers=HTMX))
    merchant = text_of(as_alice.get(url_of("shared_payments", case, last="merchant"), headers=HTMX))

    assert f'hx-get="{url_of("shared_payments", case, last="merchant")}"' in page
    assert "2 other cards, 1 with confirmed fraud" in device
    assert f'<a class="band very-high" href="{other_case.get_absolute_url()}">fraud · chargeback</a>' in device
    assert "45.00" in device
    assert "890.00" in merchant
    assert "45.00" not in without_instants(merchant)


def vector(**values):
    made = np.full(len(NAMES), np.nan, np.float32)
    for name, value in values.items():
        made[INDEX[name]] = value
    return {"features": made.tobytes(), "feature_version": VERSION}


def test_a_reason_opens_the_numbers_behind_it(as_alice):
    for day in range(1, 4):
        make_decision(occurred_at=NOON - day * DAY, outcome="approve", **vector(card_count_1h=1, card_count_24h=2))
    reason = {
        "code": "velocity",
        "words": "7 earlier payments by this card in the last hour; 9 in 24 hours",
        "contribution": 1.8,
    }
    case = flag(make_decision(reasons=[reason], **vector(card_count_1h=7, card_count_24h=9)))

    page = text_of(as_alice.get(case.get_absolute_url()))
    text = text_of(as_alice.get(url_of("reason_numbers", case), headers=HTMX))

    assert f'hx-get="{url_of("reason_numbers", case)}"' in page
    assert "multiply the odds of fraud by 6.0" in text
    assert f"<b>{reason['words']}</b></td><td>1</td>" in text
    assert "the middle value of 3 earlier payments" in text


def test_a_rule_shows_its_condition_as_it_was(as_alice):
    policy = Policy.objects.create(version=101, review_threshold=0.5, decline_threshold=0.9, note="x")
    Rule.objects.create(
        policy=policy, code="burst", expression="card_count_1h > 5", outcome="review", words="Too many payments"
    )
    reason = {"code": "burst", "words": "Too many payments"}
    case = flag(make_decision(reasons=[reason], policy_version=101, **vector(card_count_1h=7)))

    text = text_of(as_alice.get(url_of("reason_numbers", case), headers=HTMX))

    assert "card_count_1h &gt; 5" in text
    assert "7 earlier payments by this card in the last hour" in text
    assert "The card has no earlier payment in 30 days" in text


def test_numbers_of_an_older_table_are_not_shown_as_if_they_were_of_this_one(as_alice, case):
    text = text_of(as_alice.get(url_of("reason_numbers", case), headers=HTMX))

    assert "an older table of features" in text
    assert "<table" not in text
