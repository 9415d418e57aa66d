"""What the simulator hands out: a payment in wire format with the truth about it, made from a draft."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from streams.simulator.places import CATEGORIES, CITIES, CURRENCY, UNITS_PER_EURO
from streams.simulator.world import World

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
IP_RANGE_BITS = 40

Record = dict[str, str | float]


class Channel(IntEnum):
    """The channels of the wire format that occur here; the name in lower case is the wire value."""

    POS = 0
    CONTACTLESS = 1
    ATM = 2
    ECOMMERCE = 3
    MOTO = 4
    TRANSFER = 5


class IpRange(IntEnum):
    """Where an address comes from. All are private or documentation ranges: none belongs to anybody."""

    NONE = 0
    HOME = 1
    MOBILE = 2
    VPN = 3
    PUBLIC = 4


class Draft(NamedTuple):
    """A payment in numbers; device 0 and ip 0 mean none, an empty `scenario` means honest."""

    at_ms: int
    card: int
    merchant: int
    euro_cents: int
    channel: int
    device: int = 0
    ip: int = 0
    scenario: str = ""
    episode: int = 0


@dataclass(frozen=True, slots=True)
class SimulatedPayment:
    """`record` is the wire format; the rest is the truth.

    `episode` numbers the fraud it belongs to (0 for none). `label_known_at` is None for honest payments and
    for frauds nobody ever reports.
    """

    record: Record
    occurred_at: datetime
    is_fraud: bool
    scenario: str
    episode: int
    label_source: str
    label_known_at: datetime | None


def to_ms(moment: datetime) -> int:
    """Return milliseconds since 1970. Raises ValueError for a naive datetime."""
    if moment.tzinfo is None:
        raise ValueError("the simulator needs an aware datetime")
    return (moment - EPOCH) // MILLISECOND


def from_ms(at_ms: int) -> datetime:
    """Return the UTC datetime."""
    return EPOCH + timedelta(milliseconds=at_ms)


def ip_code(ip_range: IpRange, number: int) -> int:
    """Pack an address into one number."""
    return (ip_range << IP_RANGE_BITS) | (number & ((1 << IP_RANGE_BITS) - 1))


def ip_text(code: int) -> str:
    """Write the address of a code."""
    ip_range, n = code >> IP_RANGE_BITS, code & ((1 << IP_RANGE_BITS) - 1)
    if ip_range == IpRange.MOBILE:
        return f"2001:db8:{n >> 16 & 0xFFFF:x}:{n & 0xFFFF:x}::1"
    if ip_range == IpRange.HOME:
        return f"10.{n >> 16 & 0xFF}.{n >> 8 & 0xFF}.{n & 0xFF}"
    return f"{'198.51.100' if ip_range == IpRange.VPN else '203.0.113'}.{n % 254 + 1}"


CHANNEL_NAMES = tuple(channel.name.lower() for channel in Channel)
WITH_PLACE = frozenset((Channel.POS, Channel.CONTACTLESS, Channel.ATM))


class Writer:
    """Turns drafts into records of one world; holds lists, which are far quicker to index than columns."""

    def __init__(self, world: World) -> None:
        shops = world.merchants
        self._names = shops.names
        self._categories = [CATEGORIES[i].code for i in shops.category.tolist()]
        self._merchant_countries = [CITIES[i].country for i in shops.city.tolist()]
        self._places = list(zip(shops.latitude.tolist(), shops.longitude.tolist(), strict=True))
        self._customers = world.cards.customer.tolist()
        self._homes = world.cards.city.tolist()
        self._issuers = world.cards.issuer_city.tolist()

    def record(self, transaction_id: str, draft: Draft, occurred_at: datetime) -> Record:
        """Write the draft in wire format; what does not apply to its channel is left out."""
        card, merchant = draft.card, draft.merchant
        country = self._merchant_countries[merchant]
        currency = CURRENCY.get(country, "EUR")
        cents = max(1, round(draft.euro_cents * UNITS_PER_EURO[currency]))
        record: Record = {
            "transaction_id": transaction_id,
            "occurred_at": occurred_at.isoformat(timespec="milliseconds"),
            "amount": f"{cents // 100}.{cents % 100:02d}",
            "currency": currency,
            "card_id": f"card-{card:06d}",
            "merchant_id": f"merchant-{merchant:05d}",
            "customer_id": f"customer-{self._customers[card]:06d}",
            "merchant_category": self._categories[merchant],
            "merchant_name": self._names[merchant],
            "merchant_country": country,
            "card_country": CITIES[self._issuers[card]].country,
            "billing_country": CITIES[self._homes[card]].country,
            "channel": CHANNEL_NAMES[draft.channel],
        }
        if draft.channel in WITH_PLACE:
            record["latitude"], record["longitude"] = self._places[merchant]
        if draft.device:
            record["device_id"] = f"dev-{draft.device:012x}"
        if draft.ip:
            record["ip_address"] = ip_text(draft.ip)
        return record
