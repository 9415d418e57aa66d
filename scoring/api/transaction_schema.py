"""The payment in the published schema, made from the decoder's own type: a limit stands in one place only."""

import json
from typing import Any

import msgspec

from scoring.transaction import MAX_AMOUNT, MAX_BODY_BYTES, MAX_EXTRA_BYTES, MAX_EXTRA_DEPTH, Transaction

Json = dict[str, Any]

WORDS = {
    "transaction_id": "Yours, and of this payment for ever: sent again it gets the decision it got.",
    "occurred_at": "When it was made, with its offset from UTC; at most 5 minutes in the future, and not before 1970.",
    "amount": "Above 0, in major units, at most 4 decimals; as text or as a number. Text arrives as it was meant.",
    "currency": "ISO 4217.",
    "card_id": "A token. What looks like a card number is refused.",
    "merchant_id": "Your name of the merchant.",
    "customer_id": "Your name of the customer; what looks like a card number is refused.",
    "device_id": "Your name of the device.",
    "ip_address": "IPv4 or IPv6, without a zone.",
    "merchant_category": "ISO 18245.",
    "merchant_name": "For people. Text without NUL.",
    "merchant_country": "ISO 3166, two letters.",
    "card_country": "Where the card was issued: ISO 3166, two letters.",
    "billing_country": "ISO 3166, two letters.",
    "channel": "How it was made.",
    "latitude": "Degrees; goes with `longitude`.",
    "longitude": "Degrees; goes with `latitude`.",
    "extra": f"What else there is to know: at most {MAX_EXTRA_BYTES:,} bytes of JSON and {MAX_EXTRA_DEPTH} levels.",
}
_AMOUNT_TEXT: Json = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,4})?$"}
_AMOUNT_NUMBER: Json = {"type": "number", "exclusiveMinimum": 0, "maximum": float(MAX_AMOUNT)}


def transaction_schema() -> Json:
    """What is sent."""
    properties = {name: _told(name, _with_null(field)) for name, field in _decoded()["properties"].items()}
    amount = _told("amount", {"anyOf": [_AMOUNT_TEXT, _AMOUNT_NUMBER]})
    return {
        "type": "object",
        "description": f"A payment, in at most {MAX_BODY_BYTES:,} bytes. Unknown fields are refused.",
        "properties": {**properties, "amount": amount},
        "required": _decoded()["required"],
        "additionalProperties": False,
    }


def recorded_schema() -> Json:
    """What was stored: the amount is text, and what was not sent is not there."""
    properties = {name: _told(name, _without_null(field)) for name, field in _decoded()["properties"].items()}
    return {
        "type": "object",
        "description": "A payment as it was stored: without what was not sent.",
        "properties": {**properties, "amount": _told("amount", {"type": "string", "format": "decimal"})},
        "required": _decoded()["required"],
    }


def _decoded() -> Json:
    """The decoder's type in JSON Schema, with patterns as other languages write them."""
    written = json.dumps(msgspec.json.schema(Transaction)["$defs"]["Transaction"])
    schema: Json = json.loads(written.replace(r"\\Z", "$"))
    return schema


def _with_null(field: Json) -> Json:
    if "anyOf" not in field:
        return field
    kind = _without_null(field)
    may_be = {"enum": [*kind["enum"], None]} if "enum" in kind else {}
    return {**kind, "type": [kind["type"], "null"], **may_be}


def _without_null(field: Json) -> Json:
    kind: Json = field["anyOf"][0] if "anyOf" in field else field
    return {"type": "string", **kind} if "enum" in kind else kind


def _told(name: str, field: Json) -> Json:
    return {**field, "description": WORDS[name]}
