"""Values of a file as values of our fields. Each converter raises ValueError with what is wrong."""

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

ISO, EPOCH_SECONDS, EPOCH_MILLISECONDS = TIME_FORMATS = ("iso", "epoch_seconds", "epoch_milliseconds")
# Amounts have at most this many decimals, and a float this relative error after some sums.
AMOUNT_DECIMALS = 4
FLOAT_NOISE = 1e-12
# Beyond it an integer has no place in the record's JSON.
LARGEST_INTEGER = 2**63
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

Convert = Callable[[Any], Any]


def is_missing(value: object) -> bool:
    """True for nothing, an empty cell, and the NaN that data frames write for nothing."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def to_text(value: object) -> str:
    """Text as it is; whole numbers, also those a data frame made floats, without a point."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float | Decimal):
        return str(value)
    raise ValueError("is neither text nor a number")


def to_amount(value: object) -> Decimal:
    """The decimal a float was meant to be: 57.16 is 57.16, and 85.64999999999999 is 85.65."""
    if isinstance(value, float):
        rounded = round(value, AMOUNT_DECIMALS)
        return Decimal(repr(rounded if abs(value - rounded) <= FLOAT_NOISE * abs(value) else value))
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError("is not a number")
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("is not a number")
    return Decimal(value)


def to_float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError("is not a number")
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError("is not a number")
    return float(value)


def to_category(value: object) -> str:
    """A category that was read as a number has lost its leading zeros."""
    return to_text(value) if isinstance(value, str) else to_text(value).zfill(4)


def to_extra(value: object) -> dict[str, Any]:
    """An object, or JSON text of one."""
    if isinstance(value, str):
        value = json.loads(value)
    plain = to_plain(value)
    if not isinstance(plain, dict):
        raise ValueError("is not an object")
    return plain


def to_plain(value: object) -> Any:
    """What JSON keeps and gives back equal."""
    if isinstance(value, dict):
        return {str(name): to_plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(one) for one in value]
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | bool | float):
        return value
    if isinstance(value, int) and abs(value) < LARGEST_INTEGER:
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)


CONVERTERS: dict[str, Convert] = {
    "transaction_id": to_text, "amount": to_amount, "currency": to_text, "card_id": to_text, "merchant_id": to_text,
    "customer_id": to_text, "device_id": to_text, "ip_address": to_text, "merchant_category": to_category,
    "merchant_name": to_text, "merchant_country": to_text, "card_country": to_text, "billing_country": to_text,
    "channel": to_text, "latitude": to_float, "longitude": to_float, "extra": to_extra,
}  # fmt: skip


def time_converter(pattern: str, zone: tzinfo | None) -> Convert:
    """Reader of times in a format, as aware UTC; a column that holds times already needs no format."""
    parse = _parser(pattern)

    def convert(value: object) -> datetime:
        moment = value if isinstance(value, datetime) else parse(value)
        if moment.tzinfo is None:
            if zone is None:
                raise ValueError("has no offset, and [time] names no timezone")
            moment = moment.replace(tzinfo=zone)
        return moment.astimezone(UTC)

    return convert


def _parser(pattern: str) -> Callable[[object], datetime]:
    if pattern in (EPOCH_SECONDS, EPOCH_MILLISECONDS):
        per_second = 1 if pattern == EPOCH_SECONDS else 1000
        return lambda value: _since_epoch(value, per_second)

    def parse(value: object) -> datetime:
        try:
            text = to_text(value)
            return datetime.fromisoformat(text) if pattern == ISO else datetime.strptime(text, pattern)  # noqa: DTZ007 - the caller adds the zone
        except ValueError as error:
            raise ValueError(f"is not a time in the format {pattern}") from error

    return parse


def _since_epoch(value: object, per_second: int) -> datetime:
    seconds = Decimal(to_amount(value)) / per_second
    whole = math.floor(seconds)
    try:
        moment = datetime.fromtimestamp(whole, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise ValueError("is not a time since 1970") from error
    return moment.replace(microsecond=int((seconds - whole) * 1_000_000))


def label_key(value: object) -> str:
    """A label's value the same from every format: 1, "1", 1.0; true, "True"."""
    return to_text(value).strip().lower()
