"""What a search for payments asks for: the form, the value it makes, and the words it is answered with."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.http import QueryDict

from scoring.card_numbers import looks_like_card_number
from scoring.models import Label, Outcome

# Without a name every payment of the time is looked at: a week is what a desk asks about, and answers at once.
DEFAULT_SPAN = timedelta(days=7)
FLAGGED, UNLABELLED = "flagged", "none"
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_MINUTE = "%Y-%m-%d %H:%M"
_GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_POSITION = re.compile(r"([0-9-]{10}T[0-9:]{8}\.[0-9]{6})Z_([0-9]{1,18})")


@dataclass(frozen=True)
class Position:
    """Where a payment stands in the list."""

    occurred_at: datetime
    decision_id: int

    def __str__(self) -> str:
        return f"{self.occurred_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z_{self.decision_id}"


@dataclass(frozen=True)
class Search:
    """Empty and None mean any. `until` is excluded; `outcome` may be FLAGGED, `label` UNLABELLED."""

    text: str = ""
    amount_from: Decimal | None = None
    amount_to: Decimal | None = None
    currency: str = ""
    since: datetime | None = None
    until: datetime | None = None
    outcome: str = ""
    label: str = ""
    before: Position | None = None
    after: Position | None = None


class AmountField(forms.DecimalField):
    """Takes amounts as the console writes them, `1,249.00`. `1,50` stays an error: it may mean 1.50 or 150."""

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip()
        return super().to_python(text.replace(",", "") if _GROUPED.fullmatch(text) else text)


class PositionField(forms.CharField):
    """A position as the links to older and newer payments write it."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            at, number = _POSITION.fullmatch(text).groups()  # type: ignore[union-attr]
            return Position(datetime.fromisoformat(at).replace(tzinfo=UTC), int(number))
        except (AttributeError, ValueError) as error:
            raise forms.ValidationError("This link is broken. Search again to begin with the newest.") from error


def _amount_field(label: str) -> AmountField:
    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "size": "8"})
    messages = {"invalid": "A number, like 1249.50."}
    return AmountField(
        label=label,
        required=False,
        min_value=0,
        max_digits=20,
        decimal_places=4,
        widget=widget,
        error_messages=messages,
    )


class MomentField(forms.DateTimeField):
    """A minute in UTC, `2026-11-22 14:00` or what the list shows; a day alone begins, or as an end ends, with it."""

    def __init__(self, *, label: str, is_end: bool = False) -> None:
        self._is_end = is_end
        between = "Between 1970 and 2100."
        super().__init__(
            label=label,
            required=False,
            input_formats=[_MINUTE],
            widget=forms.TextInput(attrs={"size": "16", "placeholder": "YYYY-MM-DD HH:MM", "autocomplete": "off"}),
            validators=[MinValueValidator(_FIRST, between), MaxValueValidator(_LAST, between)],
            error_messages={"invalid": "A time, like 2026-11-22 14:00."},
        )

    def to_python(self, value: Any) -> datetime | None:
        moment = super().to_python(value)
        if moment is None:
            return None
        is_day = len(str(value).strip()) <= len("2026-11-22")
        moment = moment.replace(second=0, microsecond=0)
        return moment.replace(hour=23, minute=59) if is_day and self._is_end else moment


class SearchForm(forms.Form):
    """Bound to an address; who gives neither a name nor a beginning gets the week before the end, and sees it."""

    q = forms.CharField(
        label="Transaction, card, customer, merchant, device or IP address",
        required=False,
        max_length=64,
        widget=forms.TextInput(
            attrs={
                "type": "search",
                "data-key": "/",
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
                "placeholder": "The whole id, token or address",
            }
        ),
    )
    since = MomentField(label="From (UTC)")
    until = MomentField(label="To (UTC)", is_end=True)
    amount_from = _amount_field("Amount from")
    amount_to = _amount_field("Amount to")
    currency = forms.CharField(
        label="Currency",
        required=False,
        validators=[RegexValidator(r"^[A-Za-z]{3}\Z", "Three letters, like EUR.")],
        widget=forms.TextInput(attrs={"size": "5", "placeholder": "any", "autocomplete": "off"}),
    )
    outcome = forms.ChoiceField(
        label="Outcome",
        required=False,
        choices=[
            ("", "any"),
            (FLAGGED, "flagged only"),
            (Outcome.APPROVE.value, "approved"),
            (Outcome.REVIEW.value, "review"),
            (Outcome.DECLINE.value, "declined"),
        ],
    )
    label = forms.ChoiceField(
        label="Label",
        required=False,
        choices=[
            ("", "any"),
            (Label.Truth.FRAUD.value, "fraud"),
            (Label.Truth.LEGITIMATE.value, "legitimate"),
            (UNLABELLED, "none"),
        ],
    )
    before = PositionField(required=False, widget=forms.HiddenInput)
    after = PositionField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict, *, now: datetime) -> None:
        super().__init__(data.copy(), label_suffix="")
        self._now = now
        if not data:
            self.fields["q"].widget.attrs["autofocus"] = True

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        self._check_order(cleaned, "amount_from", "amount_to", "Less than the amount from.")
        self._check_order(cleaned, "since", "until", "Earlier than from.")
        if not self.errors and not cleaned["q"] and cleaned["since"] is None:
            end = (cleaned["until"] or self._now).astimezone(UTC).replace(second=0, microsecond=0)
            cleaned["since"] = since = max(end - DEFAULT_SPAN, _FIRST)
            self.data["since"] = since.strftime(_MINUTE)  # type: ignore[index]
        return cleaned

    def _check_order(self, cleaned: dict[str, Any], first: str, last: str, message: str) -> None:
        low, high = cleaned.get(first), cleaned.get(last)
        if low is not None and high is not None and low > high:
            self.add_error(last, message)

    def search(self) -> Search:
        """The search of a valid form."""
        given = self.cleaned_data
        until = given["until"]
        return Search(
            text=given["q"],
            amount_from=given["amount_from"],
            amount_to=given["amount_to"],
            currency=given["currency"].upper(),
            since=given["since"],
            # The field knows no seconds: "to 14:02" takes in what the list shows as 14:02:31.
            until=until and until + timedelta(minutes=1),
            outcome=given["outcome"],
            label=given["label"],
            before=given["before"],
            after=given["after"],
        )

    def filters(self) -> dict[str, str]:
        """What was asked for, as an address or a record keeps it: no empty fields, no place in the list."""
        names = [name for name in self.fields if name not in {"before", "after"}]
        values = {name: str(self.data.get(name, "")).strip() for name in names}
        return {name: value for name, value in values.items() if value}


def meaning_words(kinds: tuple[str, ...]) -> str:
    """`is a card and a device`, from the kinds with their article."""
    return f"is {' and '.join(filter(None, [', '.join(kinds[:-1]), kinds[-1]]))}"


def unknown_words(text: str) -> str:
    """Why a name that nothing has may still be right."""
    if looks_like_card_number(text):
        return "It looks like a card number. They are never kept here: search for the card's token."
    return "Names are compared whole, capitals too; the last four of a card are not enough."
