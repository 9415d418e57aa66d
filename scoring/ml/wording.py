"""Values of features as an analyst reads them, by unit."""

import math
import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import BY_NAME, DAY, HOUR, INDEX, MINUTE, Feature, Op
from scoring.transaction import Transaction

# Fields of the payment that words of a rule may name; a card's token is nothing to read.
PAYMENT_PLACES = (
    "currency", "merchant_id", "merchant_name", "merchant_category", "merchant_country", "card_country",
    "billing_country", "channel", "customer_id", "device_id", "ip_address",
)  # fmt: skip
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
# Currencies without cents, and those with thousandths. Source: ISO 4217, list one.
_WHOLE = frozenset(
    (
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    )
)
_THOUSANDTHS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))
# A float32 holds cents exactly enough up to here; beyond it the last digits would be made up.
_CENTS_UP_TO = 100_000.0
_UNREAD = {
    "card": "The card's history was not at hand",
    "merchant": "The shop's history was not at hand",
    "device": "The device's history was not at hand",
    "customer": "The customer's history was not at hand",
    "ip": "The network address's history was not at hand",
    "payment": "The payment does not say",
}


def sentence(feature: Feature, vector: NDArray[np.float32], *, currency: str) -> str:
    """What one feature's value says, as a sentence without a full stop."""
    value = float(vector[INDEX[feature.name]])
    if math.isnan(value):
        return feature.empty or _UNREAD[feature.entity]
    if feature.unit == "flag" and value == 0.0:
        return feature.words_off
    text = value_text(feature, value, currency=currency)
    ending = "" if text == "1" else "s"
    counted = "no" if text == "0" and feature.unit in ("payments", "entities") else text
    words = feature.words.replace("{value}", counted).replace("{s}", ending)
    words = fill_words(words, vector, currency=currency)
    return words[:1].upper() + words[1:]


def unknown_places(words: str) -> list[str]:
    """Names in braces that `fill_words` has no value for."""
    return [name for name in _PLACEHOLDER.findall(words) if name not in BY_NAME and name not in PAYMENT_PLACES]


def fill_words(words: str, vector: NDArray[np.float32], *, currency: str, payment: Transaction | None = None) -> str:
    """Replace each `{feature}`, and each name of PAYMENT_PLACES, by its value; other braces stay as they are."""

    def text_of(found: re.Match[str]) -> str:
        if payment is not None and found[1] in PAYMENT_PLACES:
            return str(getattr(payment, found[1]) or "unknown")
        feature = BY_NAME.get(found[1])
        if feature is None:
            return found[0]
        value = float(vector[INDEX[feature.name]])
        return "unknown" if math.isnan(value) else value_text(feature, value, currency=currency)

    return _PLACEHOLDER.sub(text_of, words)


def value_text(feature: Feature, value: float, *, currency: str) -> str:
    """A value that is there, with its unit."""
    if feature.unit == "money":
        return _money(value, currency)
    if feature.unit == "seconds" and feature.op in (Op.SINCE_LAST, Op.AGE, Op.SINCE_FRAUD) and value >= feature.window:
        # The row stops counting at its window.
        return f"{_seconds(value)} or more"
    return _TEXTS[feature.unit](value)


def _count(value: float) -> str:
    """Decayed counts are not whole."""
    return f"{value:,.0f}" if abs(value - round(value)) < 0.05 else f"{value:,.1f}"


def decimals_of(currency: str) -> int:
    """How many decimals its amounts have."""
    return 0 if currency in _WHOLE else 3 if currency in _THOUSANDTHS else 2


def _money(value: float, currency: str) -> str:
    return f"{value:,.{0 if abs(value) >= _CENTS_UP_TO else decimals_of(currency)}f} {currency}"


def usual_text(feature: Feature, values: NDArray[np.float32], *, currency: str) -> str:
    """What is usual among a feature's values, float32 (payments,), NaN where missing; empty where all are.

    The median; of a clock, which has none, the shortest stretch with at least half of them; of a flag how often it was
    up.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return ""
    if feature.unit == "flag":
        return f"in {int((known > 0).sum())} of {len(known)} payments"
    if feature.unit == "hour":
        early, late = (value_text(feature, hour, currency=currency) for hour in _usual_hours(known))
        return f"{early} to {late}" if early != late else early
    return value_text(feature, float(np.median(known)), currency=currency)


def _usual_hours(hours: NDArray[np.float32]) -> tuple[float, float]:
    """First and last hour of the shortest stretch of the clock with at least half of them; midnight is no border."""
    rising = np.sort(hours.astype(np.float64))
    half = (len(rising) + 1) // 2
    last = np.concatenate([rising, rising + 24.0])[half - 1 : half - 1 + len(rising)]
    start = int((last - rising).argmin())
    return float(rising[start]), float(last[start] % 24.0)


def _seconds(value: float) -> str:
    for size, name in ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")):
        # From two on, so that a rounded 1.5 does not pass for 1.
        if value >= 2 * size:
            return f"{value / size:.0f} {name}"
    seconds = f"{value:.0f}"
    return f"{seconds} second" if seconds == "1" else f"{seconds} seconds"


def exact_time(seconds: int) -> str:
    """A time without rounding: 2 hours 25 minutes."""
    parts = []
    for size, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1, "second")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(parts) or "0 seconds"


def _share(value: float) -> str:
    if value <= 0.0:
        return "none"
    return f"1 in {1 / value:,.0f}" if value <= 0.2 else f"{100 * value:,.0f} %"


def _times(value: float) -> str:
    return f"{value:,.0f} times" if value >= 9.95 else f"{value:.1f} times"


def _deviations(value: float) -> str:
    size = f"{abs(value):,.1f}"
    return "right at" if size == "0.0" else f"{size} times the usual spread {'above' if value > 0 else 'below'}"


_TEXTS: dict[str, Callable[[float], str]] = {
    "payments": _count,
    "entities": _count,
    "days": _count,
    "seconds": _seconds,
    "share": _share,
    "times": _times,
    "deviations": _deviations,
    "km": lambda value: f"{value:,.0f} km",
    "km/h": lambda value: f"{value:,.0f} km/h",
    "hour": lambda value: f"{value:02.0f}:00",
    "flag": lambda value: "yes" if value else "no",
}
