"""The one decoder: every field good and bad, and nothing but its own error whatever the bytes."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.transaction import (
    MAX_BODY_BYTES,
    InvalidTransactionError,
    Transaction,
    decode,
    encode,
    from_fields,
)
from tests.factories import NOON
from tests.scoring.payments import fields_of

# Passes Luhn; from the card schemes' test ranges.
CARD_NUMBER = "4111111111111111"


def body_of(**overrides: Any) -> bytes:
    return json.dumps(fields_of(**overrides)).encode()


def errors_of(body: bytes) -> dict[str, str]:
    with pytest.raises(InvalidTransactionError) as caught:
        decode(body, received_at=NOON)
    return {error["field"]: error["message"] for error in caught.value.errors}


def with_raw(field: str, raw: str) -> bytes:
    """A good payment in which one field has this JSON text."""
    fields = fields_of()
    fields.pop(field, None)
    return json.dumps(fields)[:-1].encode() + f', "{field}": {raw}}}'.encode()


GOOD = [
    ("transaction_id", "a"), ("transaction_id", "A-z_0.9:" + "x" * 56),
    ("occurred_at", "2026-11-20T12:00:00Z"), ("occurred_at", "2026-11-20T13:00:00.123456+01:00"),
    ("occurred_at", "2026-11-20T12:05:00Z"), ("occurred_at", "1970-01-02T00:00:00Z"),
    ("amount", "0.01"), ("amount", "0.0001"), ("amount", 12), ("amount", 12.5), ("amount", "90071992547409.92"),
    ("currency", "JPY"), ("card_id", "~" * 64), ("card_id", "4111111111111112"), ("merchant_id", "m/1"),
    ("customer_id", "c"), ("customer_id", None), ("device_id", "d"),
    ("ip_address", "192.0.2.7"), ("ip_address", "2001:db8::1"), ("ip_address", "::ffff:192.0.2.7"),
    ("merchant_category", "0742"), ("merchant_name", "Café <b>'; --"), ("merchant_name", ""),
    ("merchant_country", "FR"), ("card_country", "SE"), ("billing_country", "DE"),
    ("channel", "pos"), ("channel", "ecommerce"), ("channel", "atm"), ("channel", "contactless"),
    ("channel", "moto"), ("channel", "transfer"),
    ("extra", {}), ("extra", {"a": {"b": {"c": 1}}}), ("extra", {"a": [[True, None, 1.5, "x"]]}),
    ("extra", {"note": "x" * 4000}), ("extra", {"id": 2**63}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), GOOD)
def test_a_good_value_is_taken(field, value):
    transaction = decode(body_of(**{field: value}), received_at=NOON)

    assert transaction.card_id


BAD = [
    ("transaction_id", ""), ("transaction_id", "x" * 65), ("transaction_id", "a b"), ("transaction_id", "a\n"),
    ("transaction_id", "é"), ("transaction_id", 7), ("transaction_id", None),
    ("occurred_at", "2026-11-20T12:00:00"), ("occurred_at", "2026-11-20"), ("occurred_at", "yesterday"),
    ("occurred_at", 1_763_640_000), ("occurred_at", "2026-11-20T12:05:01Z"), ("occurred_at", "1969-12-31T23:00:00Z"),
    ("occurred_at", "1970-01-01T05:00:00+14:00"), ("occurred_at", "0001-01-01T00:00:00+23:59"),
    ("occurred_at", "9999-12-31T23:59:59-23:59"), ("occurred_at", None),
    ("amount", 0), ("amount", "0"), ("amount", -1), ("amount", "-0.01"), ("amount", "1,5"), ("amount", "ten"),
    ("amount", ""), ("amount", True), ("amount", None), ("amount", []), ("amount", "0.00001"),
    ("amount", "90071992547409.93"), ("amount", "NaN"), ("amount", "sNaN"), ("amount", "Infinity"),
    ("amount", "1e400"), ("amount", "1e99999999999999999999"), ("amount", "1e-99999999999999999999"),
    ("currency", "eur"), ("currency", "EU"), ("currency", "EURO"), ("currency", "EUR\n"), ("currency", ""),
    ("card_id", ""), ("card_id", "x" * 65), ("card_id", "a b"), ("card_id", "a\x00"), ("card_id", "card\n"),
    ("card_id", CARD_NUMBER), ("card_id", "4111-1111-1111-1111"), ("card_id", 4111111111111111),
    ("customer_id", CARD_NUMBER), ("customer_id", ""), ("customer_id", "x" * 65), ("device_id", ""),
    ("merchant_id", ""), ("merchant_id", "m\n"), ("merchant_id", None),
    ("ip_address", "192.0.2.256"), ("ip_address", "localhost"), ("ip_address", "fe80::1%eth0"), ("ip_address", ""),
    ("ip_address", "192.0.2.7/24"), ("ip_address", 3221225991),
    ("merchant_category", "742"), ("merchant_category", "07421"), ("merchant_category", "０７４２"),
    ("merchant_category", 742), ("merchant_category", "0742\n"),
    ("merchant_name", "x" * 129), ("merchant_name", "a\x00b"), ("merchant_name", 5),
    ("merchant_country", "fr"), ("merchant_country", "FRA"), ("card_country", "F"), ("billing_country", "FR\n"),
    ("channel", "Ecommerce"), ("channel", "web"), ("channel", ""),
    ("latitude", 1.0), ("longitude", 1.0), ("latitude", "1"), ("latitude", 91), ("longitude", -181),
    ("extra", []), ("extra", "x"), ("extra", {"a": {"b": {"c": {"d": 1}}}}), ("extra", {"a": [[[1]]]}),
    ("extra", {"note": "x" * 4100}), ("extra", {"a": "\x00"}), ("extra", {"\x00": 1}), ("extra", {"a": 1e23}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), BAD)
def test_a_bad_value_is_refused_and_its_field_named(field, value):
    places = {"latitude": ("latitude", "longitude"), "longitude": ("latitude", "longitude")}

    errors = errors_of(body_of(**{field: value}))

    assert set(errors) <= set(places.get(field, (field,)))


@pytest.mark.parametrize("field", ["transaction_id", "occurred_at", "amount", "currency", "card_id", "merchant_id"])
def test_a_field_that_must_be_there_is_named_when_it_is_not(field):
    fields = fields_of()
    del fields[field]

    assert list(errors_of(json.dumps(fields).encode())) == [field]


def test_an_unknown_field_is_named():
    assert list(errors_of(body_of(merchant_contry="FR"))) == ["merchant_contry"]


def test_every_fault_that_types_cannot_say_is_told_at_once():
    errors = errors_of(body_of(amount="-1", card_id=CARD_NUMBER, latitude=1.0, ip_address="nowhere"))

    assert set(errors) == {"amount", "card_id", "longitude", "ip_address"}


def test_the_message_about_a_card_number_does_not_repeat_it():
    assert CARD_NUMBER not in str(errors_of(body_of(card_id=CARD_NUMBER)))


@pytest.mark.parametrize("gap", ["", " ", "  ", "\t", "\n", "\r\n", " \t "])
def test_a_key_given_twice_is_refused_whatever_stands_before_its_colon(gap):
    body = json.dumps(fields_of()).encode()[:-1] + f', "amount"{gap}: "9.99"}}'.encode()

    assert errors_of(body) == {"amount": "is given twice"}


def test_a_key_given_twice_is_refused_when_one_is_spelt_with_escapes():
    body = json.dumps(fields_of()).encode()[:-1] + rb', "\u0061mount": "9.99"}'

    assert errors_of(body) == {"amount": "is given twice"}


@pytest.mark.parametrize("extra", ['{"a": 1, "a": 1}', '{"a": {"b": 1, "b": 2}}', '{"a": [{"b": 1, "b" : 2}]}'])
def test_a_key_given_twice_inside_extra_is_refused(extra):
    assert "is given twice" in errors_of(with_raw("extra", extra)).values()


def test_text_that_looks_like_keys_is_no_duplicate():
    extra = {"note": '"amount": "amount":', "list": [{"b": 1}, {"b": 2}]}

    assert decode(body_of(extra=extra), received_at=NOON).extra == extra


@pytest.mark.parametrize("raw", ["NaN", "Infinity", "-Infinity", "1e400", "01", "+1", ".5", "0x10"])
@pytest.mark.parametrize("field", ["amount", "latitude"])
def test_what_is_no_json_number_of_a_size_we_keep_is_refused(field, raw):
    errors_of(with_raw(field, raw))


@pytest.mark.parametrize("raw", ["NaN", "1e400", "9" * 5000, "[" * 500 + "]" * 500, "[" * 7000 + "]" * 7000])
def test_a_hostile_value_inside_extra_is_refused(raw):
    errors_of(with_raw("extra", f'{{"a": {raw}}}'))


@pytest.mark.parametrize("raw", [r'"\ud800"', r'"\udc00x"', r'"\ud800\ud800"'])
@pytest.mark.parametrize("field", ["merchant_name", "card_id", "extra"])
def test_half_a_surrogate_pair_is_refused(field, raw):
    errors_of(with_raw(field, f'{{"a": {raw}}}' if field == "extra" else raw))


def test_a_whole_surrogate_pair_is_text():
    assert decode(with_raw("merchant_name", r'"\ud83d\ude00"'), received_at=NOON).merchant_name == "😀"


def test_a_body_of_the_largest_size_is_taken_and_one_more_byte_is_not():
    body = body_of()
    largest = body + b" " * (MAX_BODY_BYTES - len(body))

    assert decode(largest, received_at=NOON)
    assert "larger than" in errors_of(largest + b" ")[""]


@pytest.mark.parametrize(
    "body", [b"", b"null", b"1", b"[]", b'"x"', b"{", b"{}}", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}"]
)
def test_what_is_no_json_object_is_refused(body):
    errors_of(body)


def test_ten_thousand_levels_are_refused():
    errors_of(b"[" * 10_000)
    errors_of(b'{"a":' * 3_000)


def test_what_an_error_quotes_can_be_stored():
    errors = errors_of(b'{"\\u0000": 1}')

    assert "\x00" not in str(list(errors.values()))


@pytest.mark.parametrize("raw", ["0.1", '"0.1"', "1e-1"])
def test_an_amount_never_passes_through_a_float(raw):
    amount = decode(with_raw("amount", raw), received_at=NOON).amount

    assert amount == Decimal("0.1")


def test_an_amount_keeps_every_digit_of_a_json_number():
    assert decode(with_raw("amount", "90071992547409.9199"), received_at=NOON).amount == Decimal("90071992547409.9199")


def test_the_same_payment_has_one_encoding():
    fields = fields_of(extra={"b": 1, "a": [2, {"d": 1, "c": 2}]})
    turned = dict(reversed(fields.items())) | {"extra": {"a": [2, {"c": 2, "d": 1}], "b": 1}}

    first, second = (decode(json.dumps(way).encode(), received_at=NOON) for way in (fields, turned))

    assert encode(first) == encode(second)
    assert decode(encode(first), received_at=NOON) == first


def test_named_values_of_a_file_are_checked_alike():
    fields = fields_of() | {"occurred_at": NOON, "amount": Decimal("1.50")}

    assert from_fields(fields, received_at=NOON).amount == Decimal("1.50")
    with pytest.raises(InvalidTransactionError, match="card_id"):
        from_fields(fields | {"card_id": CARD_NUMBER}, received_at=NOON)
    with pytest.raises(InvalidTransactionError, match="currency"):
        from_fields(fields | {"currency": "euro"}, received_at=NOON)


def answer_or_refusal(body: bytes) -> Transaction | InvalidTransactionError:
    try:
        return decode(body, received_at=NOON)
    except InvalidTransactionError as error:
        return error


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_payment_or_refused(body):
    assert answer_or_refusal(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
field_names = st.sampled_from(Transaction.__struct_fields__) | st.text(max_size=5)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(field_names, json_values, max_size=6))
def test_any_values_in_any_fields_are_a_payment_or_refused_with_storable_words(values):
    answer = answer_or_refusal(json.dumps(fields_of() | values).encode())

    if isinstance(answer, InvalidTransactionError):
        assert answer.errors
        assert "\x00" not in "".join(error["field"] + error["message"] for error in answer.errors)
        json.dumps(answer.errors, ensure_ascii=False).encode()
    else:
        assert decode(encode(answer), received_at=datetime.now(UTC) + timedelta(days=10_000)) == answer
