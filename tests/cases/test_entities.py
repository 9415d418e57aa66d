"""The pages of cards, customers, merchants, devices and addresses, and their lists."""

from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils.timezone import now

from cases.entity import parse_entity
from cases.queries import entities, entity_counts
from cases.queries.queues import Desk
from cases.services import verdicts
from tests.cases.entity_pages import NAMES, listed, pay, text_of, url_of
from tests.factories import DAY, HOUR, flag, make_label


def detail_of(kind="card", name="card-7731"):
    desk = Desk(queues=(), seen=frozenset(), worked=frozenset())
    return entities.entity_detail(parse_entity(kind, name), now=now(), desk=desk)


# --- what it shows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NAMES)
def test_the_page_says_who_it_is_and_what_it_did(as_alice, kind):
    pay(ago=40 * DAY)
    pay(ago=2 * DAY, outcome="decline")
    make_label(pay(amount=Decimal(51)))

    text = text_of(as_alice.get(url_of(kind, NAMES[kind])))

    assert f"{(now() - 40 * DAY):%-d %b %Y}" in text
    assert "1 h ago" in text
    assert "1,300.00 EUR" in text
    assert "2 payments from" in text
    assert "fraud · chargeback" in text
    for other, name in NAMES.items():
        assert (f'href="{url_of(other, name)}"' in text) == (other != kind)


def test_a_card_is_masked_and_its_id_can_be_copied(as_alice):
    pay()

    text = text_of(as_alice.get(url_of("card", "card-7731")))

    assert "</span> •••• 7731</h1>" in text
    assert 'data-copy="card-7731"' in text


def test_figures_are_of_the_last_30_days(db):
    pay(ago=31 * DAY)
    pay(ago=5 * DAY, outcome="decline")
    pay(ago=5 * DAY, outcome="review", currency="USD")
    pay()

    detail = detail_of()

    assert (detail.figures.payments, detail.figures.declined, detail.figures.reviewed) == (3, 1, 1)
    assert set(detail.figures.amounts) == {"2,498.00 EUR", "1,249.00 USD"}
    assert sum(len(row.bars) for row in detail.chart.rows) == 3
    assert len(detail.payments) == 4


def test_the_label_that_is_believed_counts_each_payment_once(db):
    payment = pay()
    make_label(payment, source="analyst", known_at=now() - DAY)
    make_label(payment, "legitimate", source="analyst", known_at=now())
    make_label(pay(), "legitimate", known_at=now() - DAY)
    twice = pay()
    make_label(twice, known_at=now())
    make_label(twice, source="issuer_report", known_at=now())

    assert detail_of().figures.fraud == 1


def test_without_payments_of_late_the_30_days_before_the_last_are_shown(as_alice):
    pay(ago=200 * DAY)
    pay(ago=210 * DAY)

    text = text_of(as_alice.get(url_of("card", "card-7731")))

    assert f"30 days up to {(now() - 200 * DAY):%-d %b %Y}" in text
    assert detail_of().figures.payments == 2


def test_of_a_busy_merchant_the_newest_payments_are_counted_and_the_page_says_so(as_alice, monkeypatch):
    monkeypatch.setattr(entity_counts, "MAX_COUNTED", 2)
    pay(ago=5 * DAY)
    pay(ago=2 * DAY)
    pay()

    text = text_of(as_alice.get(url_of("merchant", "m-nordic")))

    assert f"The newest 2 payments, since {(now() - 2 * DAY):%-d %b}" in text
    assert detail_of("merchant", "m-nordic").figures.payments == 2
    assert text.count("not counted</title>") == 27


def test_neighbours_stand_with_their_frauds_worst_first(db):
    pay(device_id="d-own")
    pay(device_id="d-own")
    pay(device_id="d-shared")
    make_label(pay(device_id="d-shared", card_id="card-other"))
    make_label(pay(device_id="d-fraud"))

    (devices,) = [group for group in detail_of().neighbours if group.kind == "device"]

    assert devices.total == 3
    assert [(one.entity.name, one.payments, one.fraud, one.own_fraud) for one in devices.shown] == [
        ("d-fraud", 1, 1, 1),
        ("d-shared", 1, 0, 1),
        ("d-own", 2, 0, 0),
    ]


def test_a_neighbours_frauds_here_and_elsewhere_are_told_apart(as_alice):
    pay(device_id="d-clean")
    make_label(pay(device_id="d-both"))
    make_label(pay(device_id="d-both", card_id="card-other"))
    pay(device_id="d-shared")
    make_label(pay(device_id="d-shared", card_id="card-other"))

    text = text_of(as_alice.get(url_of("card", "card-7731")))

    assert "1 fraud · 2 in all" in text
    assert "1 fraud elsewhere" in text
    assert "none known" in text


def test_of_many_neighbours_the_most_telling_are_shown(as_alice):
    for number in range(12):
        pay(card_id=f"card-{number:04d}")
    make_label(pay(card_id="card-9999"))

    text = text_of(as_alice.get(url_of("merchant", "m-nordic")))

    assert "13, the 8 worst" in text
    assert "•••• 9999" in text


def test_payments_without_a_device_have_none_as_a_neighbour(db):
    pay(device_id="", ip_address=None, customer_id="")

    assert [group.kind for group in detail_of().neighbours] == ["merchant"]


def test_open_cases_come_first(as_alice, alice):
    decided = flag(pay(outcome="review", card_id="card-1"), now=now())
    verdicts.record(case=decided, analyst=alice, verdict="fraud", typology="", note="", decided_at=now())
    waiting = flag(pay(outcome="review", card_id="card-2", ago=2 * HOUR), now=now() - HOUR)

    for kind in ("merchant", "device", "ip", "customer"):
        assert [case.id for case in detail_of(kind, NAMES[kind]).cases] == [waiting.id, decided.id]
    assert [case.id for case in detail_of("card", "card-1").cases] == [decided.id]
    text = text_of(as_alice.get(url_of("merchant", "m-nordic")))
    assert waiting.get_absolute_url() in text
    assert decided.get_absolute_url() in text


def test_a_merchant_goes_by_its_name(as_alice):
    pay(merchant_name="<script>alert(1)</script>")

    text = text_of(as_alice.get(url_of("merchant", "m-nordic")))

    assert "</span> &lt;script&gt;alert(1)&lt;/script&gt;</h1>" in text
    assert "<script>alert" not in text


@pytest.mark.parametrize("name", ["<b>x</b>", "a/b//c", "?q=1#x", "100%25", "'\"", "{{x}}", "x/list/"])
def test_a_hostile_id_is_text_and_has_its_page(as_alice, name):
    pay(device_id=name)
    case = flag(pay(device_id=name, outcome="review"), now=now())

    response = as_alice.get(url_of("device", name))

    assert response.status_code == 200
    assert response.context["entity"].name == name
    assert "<b>x</b>" not in text_of(response)
    assert f'href="{url_of("device", name)}"'.replace("'", "&#x27;") in text_of(as_alice.get(case.get_absolute_url()))


@pytest.mark.parametrize("name", ["..", "../../logout", "x/./y"])
def test_an_id_that_a_browser_would_fold_away_is_no_link(as_alice, name):
    case = flag(pay(device_id=name, outcome="review"), now=now())

    text = text_of(as_alice.get(case.get_absolute_url()))

    assert "/entities/device/" not in text
    assert f'<span title="{name}">' in text


def test_an_address_is_found_however_it_is_written(as_alice):
    pay(ip_address="2001:db8::1")

    assert as_alice.get(url_of("ip", "2001:DB8:0::1")).status_code == 200
    assert as_alice.get(url_of("ip", "2001:db8::1")).context["detail"].figures.payments == 1


def test_an_ipv4_address_sent_as_ipv6_stands_on_the_lists_of_the_ipv4_one(as_alice, mia):
    pay(ip_address="::ffff:192.0.2.9")
    listed(mia, entity="ip", value="192.0.2.9")

    response = as_alice.get(url_of("ip", "::ffff:192.0.2.9"))

    assert response.context["detail"].figures.payments == 1
    assert "on the block list" in text_of(response)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("card", "card-0"),
        ("shop", "m-nordic"),
        ("ip", "nowhere"),
        ("ip", "fe80::1%eth0"),
        ("device", "\x00"),
        ("device", "ü"),
        ("merchant", "m" * 65),
    ],
)
def test_what_nobody_knows_is_not_found_and_there_is_a_way_back(as_alice, kind, name):
    pay()

    response = as_alice.get(url_of(kind, name))

    assert response.status_code == 404
    assert "No payment and no list names" in text_of(response)
    assert f'href="{reverse("queue")}"' in text_of(response)


def test_what_stands_on_a_list_has_a_page_before_its_first_payment(as_alice, mia):
    listed(mia, value="card-stolen")

    text = text_of(as_alice.get(url_of("card", "card-stolen")))

    assert "No payments yet." in text
    assert "on the block list" in text


def test_the_case_page_leads_to_whom_it_is_about(as_alice):
    pay(card_id="card-other")
    case = flag(pay(outcome="review"), now=now())

    text = text_of(as_alice.get(case.get_absolute_url()))

    for kind, name in [*NAMES.items(), ("card", "card-other")]:
        assert f'href="{url_of(kind, name)}"' in text


def test_more_payments_take_as_many_queries(as_alice, django_assert_max_num_queries, django_assert_num_queries):
    def grow(number):
        make_label(pay(device_id=f"d-{number}", merchant_id=f"m-{number}"))
        flag(pay(outcome="review"), now=now())

    grow(1)
    with django_assert_max_num_queries(18) as few:
        as_alice.get(url_of("card", "card-7731"))
    for number in range(2, 8):
        grow(number)

    with django_assert_num_queries(len(few)):
        as_alice.get(url_of("card", "card-7731"))
