"""What payments met on lists at a time, for runs over history."""

from datetime import timedelta
from io import StringIO

import pytest
from django.utils.timezone import now

from scoring.models import ListChange, ListImport, NamedList
from scoring.queries_lists import list_hits
from scoring.rules.identities import identities
from scoring.rules.list_files import Given
from scoring.services.list_history import ListHistory
from scoring.services.list_imports import Order, import_file
from scoring.services.listed_values import ListedValues
from scoring.services.lists import add_list_entry, remove_list_entry
from tests.factories import HOUR, make_user
from tests.scoring.payments import make_payment

PAYMENTS = [
    make_payment(card_id="tok-55", ip_address="192.0.2.9"),
    make_payment(card_id="a\\b", device_id=None, ip_address="2001:db8::7"),
    make_payment(card_id="other", ip_address="198.51.100.1", customer_id="c-1", billing_country="KP"),
    make_payment(card_id="nobody", merchant_country=None, card_country=None, device_id=None),
]
LISTED = [
    ("card_prefix", "tok-"), ("ip", "192.0.2.0/24"), ("ip", "192.0.2.9"), ("ip", "2001:db8::/32"), ("card", "a\\b"),
    ("country", "KP"), ("customer", "c-1"), ("ip", "10.0.0.0/8"), ("device", "d-9"),
]  # fmt: skip


@pytest.fixture
def mia(db):
    return make_user("manager")


def put(author, entity, value, **others):
    values = {"list_name": "block", "reason": "x", "expires_at": None}
    return add_list_entry(entity=entity, value=value, author=author, **values | others)


def test_what_stands_now_is_what_is_met_now_with_networks_and_prefixes(mia):
    for entity, value in LISTED:
        put(mia, entity, value)
    at = now() + HOUR

    live = dict(list_hits(PAYMENTS, at=at))

    assert {row: len(hits) for row, hits in live.items()} == {0: 3, 1: 2, 2: 2}
    assert ListHistory(PAYMENTS).listed(PAYMENTS, [at] * 4) == live
    assert ListHistory(PAYMENTS, listed=ListedValues()).listed(PAYMENTS, [at] * 4) == live


def test_only_what_lists_ever_named_is_looked_for(mia):
    put(mia, "ip", "192.0.2.0/24")
    gone = put(mia, "card", "a\\b")
    remove_list_entry(entry_id=gone.id, reason="x", author=mia)

    listed = ListedValues()

    asked = [
        make_payment(card_id="a\\b", ip_address="192.0.2.9"),
        make_payment(card_id="ab", ip_address="::ffff:192.0.2.9"),
        make_payment(card_id="a\\b", ip_address="192.0.3.9"),
        make_payment(card_id="a", ip_address="2001:db8::1"),
    ]
    assert listed.among(asked) == {("card", "a\\b"): [0, 2], ("ip", "192.0.2.9"): [0, 1]}


def test_whatever_lists_can_name_of_a_payment_is_looked_for(mia):
    payment = make_payment(customer_id="c", ip_address="::ffff:192.0.2.7", billing_country="DE")
    for entity, value in identities(payment):
        put(mia, entity, value)

    assert set(ListedValues().among([payment])) == set(identities(payment))


def test_where_nothing_was_ever_listed_nothing_is_asked(db, django_assert_num_queries):
    listed = ListedValues()

    with django_assert_num_queries(0):
        assert ListHistory(PAYMENTS, listed=listed).listed(PAYMENTS, [now()] * 4) == {}


def test_a_network_that_was_taken_off_is_known_where_it_stood(mia):
    entry = put(mia, "ip", "192.0.2.0/24")
    ListChange.objects.update(happened_at=now() - 2 * HOUR)
    remove_list_entry(entry_id=entry.id, reason="x", author=mia)
    then, later = now() - HOUR, now() + HOUR

    found = ListHistory(PAYMENTS[:1] * 2).listed(PAYMENTS[:1] * 2, [then, later])

    assert [hit.value for hit in found[0]] == ["192.0.2.0/24"]
    assert list(found) == [0]


def test_what_a_file_put_on_stands_since_the_import_was_done(mia):
    NamedList.objects.create(name="mules", title="Mules")
    order = Order("mules", "add", "m.csv", Given(entity="card", reason="x"))
    import_file(StringIO("tok-55\n"), order, author=mia, at=now())
    ListImport.objects.update(happened_at=now() + HOUR)
    moments = [now() + timedelta(minutes=30), now() + 2 * HOUR]

    found = ListHistory(PAYMENTS[:1] * 2).listed(PAYMENTS[:1] * 2, moments)

    assert list(found) == [1]
