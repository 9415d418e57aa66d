"""Card numbers: known as such, and nowhere in what is kept or said of a record."""

import json
import re

import pytest

from scoring.card_numbers import looks_like_card_number, mask_card_numbers
from scoring.transaction import InvalidTransactionError, decode
from tests.factories import NOON
from tests.scoring.payments import fields_of

# Passes Luhn; from the card schemes' test ranges.
CARD_NUMBER = "4111111111111111"


@pytest.mark.parametrize(
    "number", ["4111 1111 1111 1111", "378282246310005", "6304000000000000000", "4222222222222", "-4111111111111111"]
)
def test_card_numbers_are_recognised(number):
    assert looks_like_card_number(number)


@pytest.mark.parametrize(
    "token", ["card-7731", "411111111111", "41111111111111111111", "٤١١١١١١١١١١١١١١١", "4111111111111112"]
)
def test_tokens_are_no_card_numbers(token):
    assert not looks_like_card_number(token)


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        (b'{"card_id": "4111111111111111"}', b'{"card_id": "************1111"}'),
        (b'{"card_id": "4111 1111 1111 1111"', b'{"card_id": "**** **** **** 1111"'),
        (b"4111 1111 1111 1111 12/29", b"**** **** **** 1111 12/29"),
        (b"4111111111111111 123", b"************1111 123"),
        (b"1 4111111111111111", b"1 ************1111"),
        (b'{"card_id": "4111111111111112"}', b'{"card_id": "4111111111111112"}'),
        (b'{"card_id": "card-1", "amount": 12}', b'{"card_id": "card-1", "amount": 12}'),
    ],
)
def test_what_is_kept_of_a_refused_record_has_no_card_number(record, kept):
    assert mask_card_numbers(record) == kept


def test_a_card_number_is_found_behind_thousands_of_short_numbers():
    assert mask_card_numbers(b"1 " * 5000 + CARD_NUMBER.encode()).endswith(b" ************1111")


@pytest.mark.parametrize(
    "values",
    [
        {"channel": CARD_NUMBER},
        {CARD_NUMBER: 1},
        {"channel": "x" * 170 + " " + CARD_NUMBER},
        {"channel": " ".join([CARD_NUMBER] * 900)},
    ],
)
def test_what_is_wrong_is_said_without_card_numbers(values):
    with pytest.raises(InvalidTransactionError) as raised:
        decode(json.dumps(fields_of() | values).encode(), received_at=NOON)

    (error,) = raised.value.errors
    assert not re.search(r"\d{5}", error["field"] + error["message"] + str(raised.value))
    assert "*" in error["message"]
    assert max(len(error["field"]), len(error["message"])) <= 200


def test_a_key_given_twice_is_named_without_card_numbers():
    body = b'{"extra": {"4111111111111111": 1, "4111111111111111": 2}, ' + json.dumps(fields_of()).encode()[1:]

    with pytest.raises(InvalidTransactionError) as raised:
        decode(body, received_at=NOON)

    assert raised.value.errors == [{"field": "************1111", "message": "is given twice"}]
