"""The one way in which values of lists are written, and what payments meet."""

import ipaddress
from datetime import timedelta

import pytest
from django.db import connection
from django.utils.timezone import now
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.models import ListShape
from scoring.queries_lists import known_shapes, list_hits, values_meeting
from scoring.rules.identities import ListValueError, canonical_value, identities
from scoring.services.lists import add_list_entry, remove_list_entry
from tests.factories import make_user
from tests.scoring.payments import make_payment


@pytest.mark.parametrize(
    ("entity", "typed", "kept"),
    [
        ("card", " tok-1\t", "tok-1"),
        ("ip", "2001:DB8:0::1", "2001:db8::1"),
        ("ip", "::ffff:192.0.2.7", "192.0.2.7"),
        ("ip", "192.0.2.0/24", "192.0.2.0/24"),
        ("ip", "192.0.2.7/32", "192.0.2.7"),
        ("ip", "::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("ip", "2001:DB8::/32", "2001:db8::/32"),
        ("country", "fr", "FR"),
        ("card_prefix", "4571", "4571"),
    ],
)
def test_a_value_is_written_in_one_way(entity, typed, kept):
    assert canonical_value(entity, typed) == kept


@pytest.mark.parametrize(
    ("entity", "typed", "said"),
    [
        ("card", "", "Write what"),
        ("card", "a b", "without blanks"),
        ("card", "x" * 65, "At most 64"),
        ("card", "a\0", "ASCII"),
        ("card", "\ud800", "ASCII"),
        ("card", "4111111111111111", "card number"),
        ("customer", "4111111111111111", "card number"),
        ("card_prefix", "4111111111111111", "card number"),
        ("card_prefix", "411", "at least 4"),
        ("ip", "nowhere", "neither"),
        ("ip", "fe80::1%eth0", "zone"),
        ("ip", "192.0.2.7/24", r"192\.0\.2\.7 is inside 192\.0\.2\.0/24"),
        ("ip", "192.0.2.0/33", "up to 32"),
        ("ip", "0.0.0.0/0", "at least 8"),
        ("ip", "2000::/8", "at least 16"),
        ("ip", "192.0.2.0/255.255.255.0", "number of bits"),
        ("ip", "192.0.2.0/-1", "number of bits"),
        ("ip", "192.0.2.0/99999999999999", "number of bits"),
        ("ip", "::1.2.3.0/120", "written as IPv4"),
        ("country", "UK", "GB"),
        ("country", "France", "ISO 3166"),
        ("shop", "m-1", "Lists name"),
    ],
)
def test_what_no_payment_could_carry_is_refused_with_the_way_out(entity, typed, said):
    with pytest.raises(ListValueError, match=said):
        canonical_value(entity, typed)


@settings(max_examples=200, deadline=None)
@given(address=st.ip_addresses(), bits=st.integers(8, 128))
def test_what_is_read_of_any_network_is_read_again_as_the_same(address, bits):
    network = ipaddress.ip_network(f"{address}/{min(bits, address.max_prefixlen)}", strict=False)
    try:
        kept = canonical_value("ip", str(network))
    except ListValueError:
        return
    assert canonical_value("ip", kept) == kept


@pytest.mark.django_db
@settings(max_examples=100, deadline=None)
@given(address=st.ip_addresses(v=6), bits=st.integers(16, 127))
def test_postgresql_writes_networks_as_they_are_kept(address, bits):
    with connection.cursor() as cursor:
        cursor.execute("SELECT network(set_masklen(%s::inet, %s))::text", [str(address), bits])
        written = cursor.fetchone()[0]
    network = ipaddress.ip_network((address, bits), strict=False)
    try:
        kept = canonical_value("ip", str(network))
    except ListValueError:
        return
    # A mapped one is kept as IPv4, and payments from there are known as IPv4.
    assert written == kept or address.ipv4_mapped


@pytest.fixture
def mia(db):
    return make_user("manager")


def put(author, entity, value, **others):
    values = {"list_name": "block", "reason": "x", "expires_at": None}
    return add_list_entry(entity=entity, value=value, author=author, **values | others)


def met(payment, **others):
    hits = list_hits([payment], at=now(), **others)
    return [hit.value for hit in hits.get(0, [])]


@pytest.mark.parametrize(
    ("value", "address", "is_met"),
    [
        ("192.0.2.0/24", "192.0.2.255", True),
        ("192.0.2.0/24", "192.0.3.0", False),
        ("192.0.2.0/24", "::ffff:192.0.2.9", True),
        ("10.0.0.0/8", "10.255.0.1", True),
        ("2001:db8::/32", "2001:db8:ffff::1", True),
        ("2001:db8::/32", "2001:db9::1", False),
        ("2001:db8::/127", "2001:db8::1", True),
        ("0:0:0:1::/64", "0:0:0:1::7", True),
    ],
)
def test_a_payment_meets_the_networks_that_its_address_is_in(mia, value, address, is_met):
    put(mia, "ip", value)

    assert bool(met(make_payment(ip_address=address))) == is_met


def test_networks_of_many_lengths_and_both_families_are_met_in_one_query(mia, django_assert_num_queries):
    networks = ["198.0.0.0/8", "198.51.0.0/16", "198.51.100.0/24", "198.51.100.7", "2001:db8::/32"]
    for network in networks:
        put(mia, "ip", network)

    with django_assert_num_queries(1):
        hits = list_hits(
            [make_payment(ip_address="198.51.100.7"), make_payment(), make_payment(ip_address="2001:db8::7")], at=now()
        )

    assert {row: [hit.value for hit in found] for row, found in hits.items()} == {0: networks[:4], 2: networks[4:]}


@pytest.mark.parametrize(
    ("card", "is_met"), [("tok-55-1", True), ("tok-55", True), ("tok-5", False), ("tok-56", False)]
)
def test_a_card_meets_its_prefixes(mia, card, is_met):
    put(mia, "card_prefix", "tok-55")

    assert bool(met(make_payment(card_id=card))) == is_met


def test_a_prefix_is_no_pattern(mia):
    put(mia, "card_prefix", "tok%")
    put(mia, "card_prefix", "tok_5")

    assert met(make_payment(card_id="tok-55")) == []


@pytest.mark.parametrize("field", ["merchant_country", "card_country", "billing_country"])
def test_a_country_meets_that_of_shop_card_and_bill_once(mia, field):
    put(mia, "country", "KP")

    countries = {"merchant_country": None, "card_country": None, "billing_country": None}
    assert met(make_payment(**countries | {field: "KP"})) == ["KP"]
    assert met(make_payment(**dict.fromkeys(countries, "KP"))) == ["KP"]
    assert met(make_payment(**countries)) == []


def test_a_length_stays_known_when_its_last_entry_is_gone(mia):
    entry = put(mia, "ip", "192.0.2.0/24")

    remove_list_entry(entry_id=entry.id, reason="x", author=mia)

    assert ListShape.objects.filter(entity="ip", family=4, length=24).exists()


def test_every_identity_of_a_payment_is_named_once():
    payment = make_payment(customer_id="c", ip_address="::ffff:192.0.2.7", billing_country="DE")

    found = list(identities(payment))

    assert sorted(found) == sorted(set(found))
    assert ("ip", "192.0.2.7") in found
    assert [value for entity, value in found if entity == "country"] == ["FR", "DE"]


def test_a_value_is_found_by_what_meets_it(mia):
    put(mia, "ip", "192.0.2.0/24")
    put(mia, "card_prefix", "tok-55")

    assert "192.0.2.0/24" in values_meeting("::ffff:192.0.2.9", known_shapes())
    assert "tok-55" in values_meeting("tok-5512", known_shapes())
    assert "FR" in values_meeting("fr", known_shapes())
    assert values_meeting("a\0", known_shapes()) == []


def test_an_entry_that_has_ended_is_not_met(mia):
    put(mia, "ip", "192.0.2.0/24", expires_at=now() - timedelta(seconds=1))

    assert met(make_payment(ip_address="192.0.2.9")) == []


@pytest.mark.parametrize("entity", ["merchant", "device"])
def test_a_shop_or_device_whose_number_passes_for_that_of_a_card_can_be_listed(mia, entity):
    payment = make_payment(**{f"{entity}_id": "4111111111111111"})

    add_list_entry(list_name="block", entity=entity, value="4111111111111111", reason="x", expires_at=None, author=mia)

    assert [hit.entity for hit in list_hits([payment], at=now())[0]] == [entity]
