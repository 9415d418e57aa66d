"""What rules can read of a payment: each field, its kind and its words; what lists can be asked for."""

import re
from dataclasses import dataclass
from typing import Literal

from scoring.features.definitions import FEATURES, Feature

Kind = Literal["number", "text", "time", "truth"]


@dataclass(frozen=True)
class Field:
    """`words` say what it is, `unit` what a number counts."""

    name: str
    kind: Kind
    words: str
    unit: str = ""


_OF_MODEL = (
    Field("score", "number", "The model's probability of fraud, 0 to 1; missing where no model is in force"),
    Field(
        "anomaly_score", "number",
        "How strange it is, 0 to 1: 0.99 is stranger than 99 % of those the model learnt from; missing without one",
    ),
)  # fmt: skip
_OF_PAYMENT = (
    Field("amount", "number", "The amount in the payment's own currency", "money"),
    Field("currency", "text", "Its currency, 'EUR'"),
    Field("occurred_at", "time", "When it was made"),
    Field("transaction_id", "text", "The sender's id of the payment"),
    Field("card_id", "text", "The card's token"),
    Field("customer_id", "text", "The customer, where one was given"),
    Field("merchant_id", "text", "The shop"),
    Field("merchant_name", "text", "The shop's name as it was sent"),
    Field("merchant_category", "text", "The shop's category, four digits: '5411'"),
    Field("device_id", "text", "The device, where one was given"),
    Field("ip_address", "text", "The network address as it was sent; networks are asked for by in_list"),
    Field("merchant_country", "text", "The shop's country, 'FR'"),
    Field("card_country", "text", "The country of the card's issuer, 'FR'"),
    Field("billing_country", "text", "The country of the billing address, 'FR'"),
    Field("channel", "text", "'pos', 'ecommerce', 'atm', 'contactless', 'moto' or 'transfer'"),
    Field("latitude", "number", "Where it was made, north of the equator", "degrees"),
    Field("longitude", "number", "Where it was made, east of Greenwich", "degrees"),
)


def _of_feature(feature: Feature) -> Field:
    """Its words without a value: `... earlier payments by this card in an hour`."""
    words = feature.words.replace("{s}", "s")
    return Field(feature.name, "number", re.sub(r"\{\w+\}", "...", words), feature.unit)


FIELDS: dict[str, Field] = {
    field.name: field
    for field in (*_OF_PAYMENT, *_OF_MODEL, *(_of_feature(feature) for feature in FEATURES if feature.name != "amount"))
}
# What the model says of a payment.
OF_MODEL = frozenset(field.name for field in _OF_MODEL)
EXTRA = "extra"

# Field -> the entities of list entries that concern it.
LISTED: dict[str, frozenset[str]] = {
    "card_id": frozenset(("card", "card_prefix")),
    "customer_id": frozenset(("customer",)),
    "merchant_id": frozenset(("merchant",)),
    "device_id": frozenset(("device",)),
    "ip_address": frozenset(("ip",)),
    "merchant_country": frozenset(("country",)),
    "card_country": frozenset(("country",)),
    "billing_country": frozenset(("country",)),
}
COUNTRIES = frozenset(name for name, entities in LISTED.items() if "country" in entities)
