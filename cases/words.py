"""The words of the console: masked cards, risk bands, times left, kinds of shop. Pure."""

from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth.models import User

# The score is calibrated, so the bands say: nine of ten such payments are fraud; most are; the rest.
VERY_HIGH, HIGH = 0.9, 0.5

OUTCOMES = {"approve": "Approved", "review": "Sent to review", "decline": "Declined"}
ENTITIES = {"card": "Card", "customer": "Customer", "merchant": "Merchant", "device": "Device", "ip": "IP address"}
ENTITIES_PLURAL = {
    "card": "Cards",
    "customer": "Customers",
    "merchant": "Merchants",
    "device": "Devices",
    "ip": "IP addresses",
}
_CHANNELS = {
    "pos": "in the shop",
    "ecommerce": "online",
    "atm": "cash machine",
    "contactless": "contactless",
    "moto": "by phone or mail",
    "transfer": "transfer",
}
# ISO 18245: the shops fraud desks meet most.
_SHOPS = {
    "4111": "local transport",
    "4121": "taxi",
    "4511": "airline",
    "4722": "travel agency",
    "4814": "phone credit",
    "4829": "money transfer",
    "4900": "utilities",
    "5311": "department store",
    "5411": "groceries",
    "5541": "petrol station",
    "5651": "clothing",
    "5691": "clothing",
    "5732": "electronics",
    "5734": "software",
    "5812": "restaurant",
    "5814": "fast food",
    "5816": "digital games",
    "5817": "apps",
    "5818": "digital goods",
    "5912": "pharmacy",
    "5942": "books",
    "5944": "jewellery",
    "5945": "toys and games",
    "5977": "cosmetics",
    "5999": "various goods",
    "6011": "cash machine",
    "6051": "crypto and money orders",
    "6211": "securities",
    "7011": "hotel",
    "7832": "cinema",
    "7995": "gambling",
    "8062": "hospital",
}


def masked_card(card_id: str) -> str:
    """The last four characters, which a caller on the phone can confirm."""
    return f"•••• {card_id[-4:]}"


def ending(name: str) -> str:
    """The last twelve characters of a long name, by which devices differ."""
    return name if len(name) <= 12 else f"…{name[-11:]}"


def risk_band(score: float | None) -> tuple[str, str]:
    """Words and CSS class of a score."""
    if score is None:
        return "not scored", "unknown"
    if score >= VERY_HIGH:
        return "very high", "very-high"
    if score >= HIGH:
        return "high", "high"
    return "elevated", "elevated"


def channel_words(channel: str) -> str:
    return _CHANNELS.get(channel, channel)


def shop_words(merchant_category: str) -> str:
    return _SHOPS.get(merchant_category, "")


def duration(span: timedelta) -> str:
    """The largest unit that matters: `40 s`, `8 min`, `5 h`, `3 days`."""
    seconds = int(abs(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 2 * 86400:
        return f"{seconds // 3600} h"
    return f"{seconds // 86400} days"


def count(number: int, noun: str) -> str:
    """`1 payment`, `1,204 payments`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """Of a file: `812 bytes`, `120 KB`, `2.4 MB`."""
    if number < 1_000:
        return count(number, "byte")
    return f"{number // 1_000} KB" if number < 1_000_000 else f"{number / 1_000_000:.1f} MB"


def listed(names: Sequence[str]) -> str:
    """`Bob`, `Bob and Mia`, `Bob, Mia and Zoe`, `Bob, Mia and 3 others`."""
    if len(names) > 3:
        names = [*names[:2], f"{len(names) - 2} others"]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def person(user: User) -> str:
    return user.get_full_name() or user.get_username().capitalize()


def role(user: User) -> str:
    """What the user is at the desk: names of groups."""
    groups = user.groups.order_by("name").values_list("name", flat=True)
    return ", ".join(groups) or ("administrator" if user.is_superuser else "no group")
