"""What lists can name of a payment, and the one way in which each such value is written."""

import ipaddress
import re
from collections.abc import Iterator

from scoring.card_numbers import looks_like_card_number
from scoring.rules.countries import COUNTRIES
from scoring.transaction import Transaction, canonical_address

ENTITIES = ("card", "customer", "merchant", "device", "ip", "country", "card_prefix")
# Which fields of a payment carry it. A card's prefix is its card's.
CARRIED_BY = {
    "card": ("card_id",),
    "merchant": ("merchant_id",),
    "customer": ("customer_id",),
    "device": ("device_id",),
    "ip": ("ip_address",),
    "country": ("merchant_country", "card_country", "billing_country"),
}
MIN_PREFIX = 4
# A shorter network is a mistake of typing more often than meant: it would stop a part of a continent.
MIN_BITS = {4: 8, 6: 16}
_KEY = re.compile(r"[\x21-\x7e]{1,64}", re.ASCII)
# Payments are refused with one there. Shops and devices do have numbers of 15 digits that pass for one.
_NEVER_CARD_NUMBERS = ("card", "card_prefix", "customer")
_BITS = re.compile(r"[0-9]{1,3}", re.ASCII)
# Addresses of the kind ::192.0.2.7, long given up: no payment comes from there, and they are written in two ways.
_GIVEN_UP = ipaddress.IPv6Network("::/96")


class ListValueError(ValueError):
    """No payment could carry this value; the text says why and how to write it."""


def identities(transaction: Transaction) -> Iterator[tuple[str, str]]:
    """Entity and value of all that lists can name of a payment, each once.

    Networks are looked for by its address, card prefixes by its card.
    """
    yield "card", transaction.card_id
    yield "merchant", transaction.merchant_id
    if transaction.customer_id:
        yield "customer", transaction.customer_id
    if transaction.device_id:
        yield "device", transaction.device_id
    if transaction.ip_address:
        yield "ip", canonical_address(transaction.ip_address)
    countries = (transaction.merchant_country, transaction.card_country, transaction.billing_country)
    for country in dict.fromkeys(countries):
        if country:
            yield "country", country


def canonical_value(entity: str, text: str) -> str:
    """The value as lists keep it; blanks around it are not meant.

    Raises:
        ListValueError: no payment could carry it.
    """
    value = text.strip(" \t")
    if entity == "ip":
        return _canonical_network(value) if "/" in value else _canonical_address(value)
    if entity == "country":
        return _canonical_country(value)
    if entity not in ENTITIES:
        raise ListValueError(f"Lists name {', '.join(ENTITIES)}.")
    if not value:
        raise ListValueError("Write what is to stand on the list.")
    if not _KEY.fullmatch(value):
        raise ListValueError("At most 64 letters, digits and signs of ASCII, without blanks: payments carry no others.")
    if entity in _NEVER_CARD_NUMBERS and looks_like_card_number(value):
        raise ListValueError("This looks like a card number. Write the token that payments carry as card_id.")
    if entity == "card_prefix" and len(value) < MIN_PREFIX:
        raise ListValueError(f"A prefix has at least {MIN_PREFIX} characters.")
    return value


def shape_of(entity: str, value: str) -> tuple[str, int, int] | None:
    """Entity, family and length under which payments are looked for to meet it; None for a value met as it is."""
    if entity == "card_prefix":
        return entity, 0, len(value)
    if entity == "ip" and "/" in value:
        return entity, 6 if ":" in value else 4, int(value.partition("/")[2])
    return None


def _canonical_address(value: str) -> str:
    try:
        address = canonical_address(value)
    except ValueError as error:
        raise ListValueError("This is neither an address nor a network, as 192.0.2.7 or 192.0.2.0/24.") from error
    if "%" in address:
        raise ListValueError("An address with a zone means something on one machine only. Leave out what follows %.")
    return address


def _canonical_network(value: str) -> str:
    """A network of one address is written as that address; host bits are refused, not cut off: which was meant?"""
    start, _, bits = value.partition("/")
    if not _BITS.fullmatch(bits):
        raise ListValueError("Write a network with its number of bits, as 192.0.2.0/24.")
    address = _canonical_address(start)
    # What was sent as ::ffff:192.0.2.0/120 is 192.0.2.0/24: payments from there are known by the short address.
    length = int(bits) - (96 if ":" in start and ":" not in address else 0)
    try:
        network = ipaddress.ip_network(f"{address}/{length}", strict=False)
    except ValueError as error:
        raise ListValueError("A network has up to 32 bits (IPv4) or 128 (IPv6).") from error
    if network.prefixlen < MIN_BITS[network.version]:
        raise ListValueError(f"A network of IPv{network.version} has at least {MIN_BITS[network.version]} bits.")
    if str(network.network_address) != address:
        raise ListValueError(f"{address} is inside {network}. Write that for the network, {address} for the address.")
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen > 96 and network.subnet_of(_GIVEN_UP):
        raise ListValueError("IPv4 addresses inside IPv6 are written as IPv4.")
    return address if network.num_addresses == 1 else str(network)


def _canonical_country(value: str) -> str:
    if value.upper() not in COUNTRIES:
        raise ListValueError("No country has these letters. Write the two of ISO 3166, as FR, or GB for the UK.")
    return value.upper()
