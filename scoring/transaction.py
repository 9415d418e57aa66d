"""The payment as it arrives: its fields, their limits, and the one decoder for REST, streams and files."""

import ipaddress
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from scoring.card_numbers import looks_like_card_number, quotable

MAX_BODY_BYTES = 16 * 1024
MAX_EXTRA_BYTES = 4 * 1024
MAX_EXTRA_DEPTH = 3
MAX_FUTURE = timedelta(minutes=5)
# Beyond 2**53 minor units an amount no longer fits a float64 exactly, which features are.
MAX_AMOUNT = Decimal(2**53) / 100

# `\Z`, not `$`, which lets a line end follow.
Key = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+\Z")]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]
Channel = Literal["pos", "ecommerce", "atm", "contactless", "moto", "transfer"]


class InvalidTransactionError(Exception):
    """The record is not a transaction; `errors` names each field and says what is wrong. Nothing was stored."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("; ".join(f"{error['field']}: {error['message']}" for error in errors))
        self.errors = errors


class Transaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, gc=False):
    """One payment. Money in major units; times aware. Nothing in it can refer to itself: no work for the collector."""

    transaction_id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+\Z")]
    occurred_at: Annotated[datetime, Meta(tz=True)]
    amount: Decimal
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
    card_id: Key
    merchant_id: Key
    customer_id: Key | None = None
    device_id: Key | None = None
    ip_address: Annotated[str, Meta(max_length=45)] | None = None
    merchant_category: Annotated[str, Meta(pattern=r"^[0-9]{4}\Z")] | None = None
    merchant_name: Annotated[str, Meta(max_length=128)] | None = None
    merchant_country: Country | None = None
    card_country: Country | None = None
    billing_country: Country | None = None
    channel: Channel | None = None
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    extra: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(Transaction, strict=True)
_encoder = msgspec.json.Encoder(decimal_format="string", order="deterministic")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_FIELD_OF_PATH = re.compile(r" - at `\$\.?(\[\.\.\.\]|[A-Za-z_]\w*)?")
_FIELD_NAMED = re.compile(r"\AObject .*? field `(.*)`", re.DOTALL)
# Every key ends like this; so may a value that quotes one, which only costs a closer look.
_KEY_END = re.compile(rb'"[ \t\r\n]*:')
# The way nearly all are written; `ipaddress` takes 2 us to say the same.
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!\Z)|\Z)){4}\Z", re.ASCII)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
# From here on a float no longer stands for one whole number: PostgreSQL would give back another one.
_FIRST_INEXACT = 2.0**53


def decode(body: bytes, *, received_at: datetime) -> Transaction:
    """Read one JSON object.

    Raises:
        InvalidTransactionError: with each field that is wrong.
    """
    if len(body) > MAX_BODY_BYTES:
        raise InvalidTransactionError([_error("", f"larger than {MAX_BODY_BYTES} bytes")])
    try:
        transaction = _decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidTransactionError([_from_msgspec(str(error))]) from error
    # msgspec keeps the last of two equal keys; the sender meant one of them and we cannot know which.
    if len(_KEY_END.findall(body)) > _least_number_of_keys(transaction):
        _refuse_duplicate_keys(body)
    check(transaction, received_at=received_at)
    return transaction


def from_fields(fields: dict[str, Any], *, received_at: datetime) -> Transaction:
    """The same from named values, as a file's row gives them.

    Raises:
        InvalidTransactionError: with each field that is wrong.
    """
    try:
        transaction = msgspec.convert(fields, Transaction, strict=True)
    except msgspec.ValidationError as error:
        raise InvalidTransactionError([_from_msgspec(str(error))]) from error
    check(transaction, received_at=received_at)
    return transaction


def encode(transaction: Transaction) -> bytes:
    """Canonical JSON: the same transaction gives the same bytes, whatever order its sender used."""
    return _encoder.encode(transaction)


def check(transaction: Transaction, *, received_at: datetime) -> None:
    """What the types cannot say.

    Raises:
        InvalidTransactionError: with each field that is wrong.
    """
    errors = [
        _error(field, message)
        for field, message in (
            *_amount_faults(transaction.amount),
            *_time_faults(transaction.occurred_at, received_at),
            *_card_faults(transaction),
            *_place_faults(transaction),
            *_text_faults(transaction),
            *_extra_faults(transaction.extra),
        )
    ]
    if errors:
        raise InvalidTransactionError(errors)


Faults = list[tuple[str, str]]


def _amount_faults(amount: Decimal) -> Faults:
    if not amount.is_finite() or amount <= 0:
        return [("amount", "must be a number above 0")]
    if amount > MAX_AMOUNT:
        return [("amount", "is more than 2^53 minor units")]
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -4:
        return [("amount", "has more than 4 decimals")]
    return []


def _time_faults(occurred_at: datetime, received_at: datetime) -> Faults:
    if occurred_at > received_at + MAX_FUTURE:
        return [("occurred_at", "is more than 5 minutes in the future")]
    if occurred_at <= _EARLIEST:
        return [("occurred_at", "is before 1970")]
    return []


def _card_faults(transaction: Transaction) -> Faults:
    """A card number is never taken in: only its token."""
    named = (("card_id", transaction.card_id), ("customer_id", transaction.customer_id))
    return [
        (field, "looks like a card number; send a token instead")
        for field, value in named
        if value is not None and looks_like_card_number(value)
    ]


def canonical_address(value: str) -> str:
    """One way to write an address: `::ffff:192.0.2.1` is 192.0.2.1, whatever way it was written.

    Raises:
        ValueError: it is none.
    """
    if _IPV4.match(value):
        return value
    address = ipaddress.ip_address(value)
    return str(getattr(address, "ipv4_mapped", None) or address)


def _place_faults(transaction: Transaction) -> Faults:
    faults: Faults = []
    if (transaction.latitude is None) != (transaction.longitude is None):
        missing = "latitude" if transaction.latitude is None else "longitude"
        faults.append((missing, "latitude and longitude go together"))
    if transaction.ip_address is not None and not _IPV4.match(transaction.ip_address):
        try:
            # A zone (`fe80::1%eth0`) means something on the sender's machine only, and PostgreSQL takes none.
            is_scoped = "%" in transaction.ip_address
            ipaddress.ip_address(transaction.ip_address)
        except ValueError:
            is_scoped = True
        if is_scoped:
            faults.append(("ip_address", "is neither IPv4 nor IPv6"))
    return faults


def _text_faults(transaction: Transaction) -> Faults:
    name = transaction.merchant_name
    if name is not None and (_LONE_SURROGATE.search(name) or "\x00" in name):
        return [("merchant_name", "has a character that is not text")]
    return []


def _extra_faults(extra: dict[str, Any] | None) -> Faults:
    if not extra:
        return []
    try:
        encoded = _encoder.encode(extra)
    except (UnicodeEncodeError, RecursionError, msgspec.MsgspecError):
        return [("extra", "has a character that is not text, or is too deep")]
    if len(encoded) > MAX_EXTRA_BYTES:
        return [("extra", f"larger than {MAX_EXTRA_BYTES} bytes")]
    if _depth(extra) > MAX_EXTRA_DEPTH:
        return [("extra", f"deeper than {MAX_EXTRA_DEPTH} levels")]
    return _unkeepable(extra, encoded)


def _unkeepable(extra: dict[str, Any], encoded: bytes) -> Faults:
    """What PostgreSQL would refuse, or give back as something else."""
    if b"\\u0000" in encoded:
        return [("extra", "has a character that is not text")]
    if any(isinstance(leaf, float) and abs(leaf) >= _FIRST_INEXACT for leaf in _leaves(extra)):
        return [("extra", "has a fraction or exponent beyond 2^53, which is not kept exactly; send it as a string")]
    return []


def _depth(extra: dict[str, Any]) -> int:
    """Levels of nesting, counted no further than one past the limit: a hostile one has thousands."""
    depth = 0
    level: list[Any] = [extra]
    while level and depth <= MAX_EXTRA_DEPTH:
        depth += 1
        level = [item for holder in level for item in _items(holder) if isinstance(item, dict | list)]
    return depth


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for item in _items(value):
            yield from _leaves(item)
    else:
        yield value


def _items(holder: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return holder.values() if isinstance(holder, dict) else holder


def _least_number_of_keys(transaction: Transaction) -> int:
    values = msgspec.structs.astuple(transaction)
    return len(values) - values.count(None)


def _refuse_duplicate_keys(body: bytes) -> None:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for name, value in pairs:
            if name in seen:
                raise InvalidTransactionError([_error(name, "is given twice")])
            seen[name] = value
        return seen

    try:
        json.loads(body, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise InvalidTransactionError([_error("", "is nested too deep or has a number too long")]) from error


def _from_msgspec(message: str) -> dict[str, str]:
    """Name the field in a decoder's message: `... - at $.amount`, or `field amount`."""
    at = _FIELD_OF_PATH.search(message)
    named = _FIELD_NAMED.search(message)
    field = (named and named.group(1)) or (at and at.group(1)) or ""
    return _error(field, message.split(" - at ")[0])


def _error(field: str, message: str) -> dict[str, str]:
    return {"field": quotable(field), "message": quotable(message)}
