"""What is asked of the queue: the filter's form, the value it makes, its words and addresses. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, get_args
from urllib.parse import urlencode

from django import forms
from django.core.validators import RegexValidator
from django.http import QueryDict

from cases import words
from cases.search import AmountField
from scoring.transaction import Channel

RISKS = {
    "very-high": "very high",
    "high-up": "high or very high",
    "high": "high",
    "elevated": "elevated",
    "unknown": "not scored",
}
SPANS = {
    "10": (timedelta(minutes=10), "10 min"),
    "30": (timedelta(minutes=30), "30 min"),
    "60": (timedelta(hours=1), "1 h"),
    "240": (timedelta(hours=4), "4 h"),
    "1440": (timedelta(days=1), "1 day"),
}
OVERDUE = "0"
CLAIMS = {"free": "unclaimed", "mine": "claimed by me", "taken": "claimed"}
# The way each is looked at first; a minus turns it round.
SORTS = {
    "-weight": "end of the work order first",
    "stake": "most at stake first",
    "-stake": "least at stake first",
    "amount": "largest amount first",
    "-amount": "smallest amount first",
    "left": "least time left first",
    "-left": "most time left first",
    "age": "oldest first",
    "-age": "newest first",
}
_COLUMNS = ("stake", "amount", "left", "age")
# Not narrowing: which cases to begin with, and in what order.
_NOT_FILTERS = ("view", "sort")


@dataclass(frozen=True)
class Wish:
    """Which open cases, in what order. Empty and None mean any; `view` is one of the queue's own views."""

    text: str = ""
    risk: str = ""
    stake_from: Decimal | None = None
    amount_from: Decimal | None = None
    amount_to: Decimal | None = None
    currency: str = ""
    reason: str = ""
    tag: str = ""
    channel: str = ""
    country: str = ""
    claimed: str = ""
    by: str = ""
    due: str = ""
    older: str = ""
    view: str = ""
    sort: str = ""

    @classmethod
    def of(cls, values: Mapping[str, str]) -> "Wish":
        """The wish of a valid form's `values()`, or of a saved view; names it does not know ask for nothing."""
        amounts = ("stake_from", "amount_from", "amount_to")
        known = {name: value for name, value in values.items() if name in cls.__dataclass_fields__}
        return cls(**{name: Decimal(value) if name in amounts else value for name, value in known.items()})  # type: ignore[arg-type]


def _text(label: str, *, size: int, length: int = 64, **attrs: str) -> forms.CharField:
    widget = forms.TextInput(attrs={"size": size, "autocomplete": "off", "spellcheck": "false", **attrs})
    return forms.CharField(label=label, required=False, max_length=length, widget=widget)


def _letters(label: str, number: int, example: str) -> forms.CharField:
    letters = _text(label, size=5, placeholder="any")
    letters.validators.append(RegexValidator(rf"^[A-Za-z]{{{number}}}\Z", f"{number} letters, like {example}."))
    return letters


def _amount(label: str) -> AmountField:
    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "size": "8"})
    messages = {"invalid": "A number, like 1249.50."}
    limits: dict[str, Any] = {"min_value": 0, "max_digits": 20, "decimal_places": 4}
    return AmountField(label=label, required=False, widget=widget, error_messages=messages, **limits)


def _choice(label: str, names: Mapping[str, str], *, any_words: str = "any") -> forms.ChoiceField:
    messages = {"invalid_choice": "Choose one of the list."}
    choices = [("", any_words), *names.items()]
    return forms.ChoiceField(label=label, required=False, choices=choices, error_messages=messages)


_SPAN_WORDS = {name: said for name, (_, said) in SPANS.items()}
_CHANNELS = {name: words.channel_words(name) for name in get_args(Channel)}


class FilterForm(forms.Form):
    """Bound to an address, or to what a saved view keeps."""

    text = _text("Card, customer, merchant or device", size=26, placeholder="id, last four, shop")
    risk = _choice("Risk", RISKS)
    stake_from = _amount("At stake from")
    amount_from = _amount("Amount from")
    amount_to = _amount("Amount to")
    currency = _letters("Currency", 3, "EUR")
    reason = _text("Reason", size=22, length=100, placeholder="words, or a rule's code")
    tag = _text("Tag", size=10, length=32, autocapitalize="none")
    channel = _choice("Channel", _CHANNELS)
    country = _letters("Country of shop", 2, "SE")
    claimed = _choice("Claimed", CLAIMS)
    by = _text("Claimed by", size=10, length=150, placeholder="username", autocapitalize="none")
    due = _choice("Time left", {OVERDUE: "over", **{name: f"at most {said}" for name, said in _SPAN_WORDS.items()}})
    older = _choice("Age", {name: f"over {said}" for name, said in _SPAN_WORDS.items()})
    sort = _choice("Order", SORTS, any_words="work order")
    view = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, str]) -> None:
        super().__init__(data, label_suffix="")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        low, high = cleaned.get("amount_from"), cleaned.get("amount_to")
        if low is not None and high is not None and low > high:
            self.add_error("amount_to", "Less than the amount from.")
        return cleaned

    def values(self) -> dict[str, str]:
        """What a valid form asks for, as an address or a saved view keeps it; nothing that means any."""
        given = {name: self.cleaned_data[name] for name in self.fields}
        texts = {name: _as_text(name, value) for name, value in given.items() if value not in ("", None)}
        return {name: text for name, text in texts.items() if (name, text) != ("view", "all")}


def _as_text(name: str, value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(value).upper() if name in {"currency", "country"} else str(value)


@dataclass(frozen=True)
class Chip:
    """One part of the filter in words, and the address without it."""

    words: str
    address: str


@dataclass(frozen=True)
class Heading:
    """A column that sorts: the address that does it or turns it round; `aria` is empty when it does not sort now."""

    address: str
    aria: str


@dataclass(frozen=True)
class Asked:
    """What the page was asked for: the values, and the address's other parameters, which every link keeps."""

    values: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def wish(self) -> Wish:
        return Wish.of(self.values)

    def address(self, **changes: str) -> str:
        """The page's address with changes; an empty text takes a parameter away."""
        values = {name: value for name, value in {**self.others, **self.values, **changes}.items() if value}
        # Without any parameter the page opens with the person's default view.
        return "?" + urlencode(values or {"view": "all"})

    @property
    def filters(self) -> dict[str, str]:
        return {name: value for name, value in self.values.items() if name not in _NOT_FILTERS}

    @property
    def chips(self) -> list[Chip]:
        return [Chip(_chip_words(name, value), self.address(**{name: ""})) for name, value in self.filters.items()]

    @property
    def without_filters(self) -> str:
        return self.address(**dict.fromkeys(self.filters, ""))

    @property
    def in_work_order(self) -> str:
        return self.address(sort="")

    @property
    def sorted_by(self) -> str:
        """In words; empty in the work order."""
        return SORTS.get(self.wish.sort, "")

    @cached_property
    def headings(self) -> dict[str, Heading]:
        return {name: self._heading(name, rises=name == "left") for name in _COLUMNS}

    def _heading(self, name: str, *, rises: bool) -> Heading:
        sort = self.wish.sort
        if sort not in {name, f"-{name}"}:
            return Heading(self.address(sort=name), "")
        is_turned = sort.startswith("-")
        return Heading(
            self.address(sort=name if is_turned else f"-{name}"), "ascending" if rises != is_turned else "descending"
        )


_CHIP_WORDS = {
    "text": "“{}”",
    "risk": "risk {}",
    "stake_from": "at stake from {}",
    "amount_from": "amount from {}",
    "amount_to": "amount to {}",
    "currency": "in {}",
    "reason": "reason “{}”",
    "tag": "tag {}",
    "channel": "{}",
    "country": "shop in {}",
    "claimed": "{}",
    "by": "claimed by {}",
    "due": "due in {}",
    "older": "older than {}",
}
_NAMES: dict[str, Mapping[str, str]] = {
    "risk": RISKS,
    "channel": _CHANNELS,
    "claimed": CLAIMS,
    "due": _SPAN_WORDS,
    "older": _SPAN_WORDS,
}


def _chip_words(name: str, value: str) -> str:
    if (name, value) == ("due", OVERDUE):
        return "past due"
    return _CHIP_WORDS[name].format(_NAMES.get(name, {}).get(value, value))


def others_of(address: QueryDict) -> dict[str, str]:
    """The parameters of an address that are not the filter's."""
    return {name: value for name, value in address.items() if name not in FilterForm.base_fields and name != "saved"}  # type: ignore[misc]
