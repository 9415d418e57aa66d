"""What the threshold page is asked for, and the thresholds that go into a draft."""

import math
from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms

from cases.dashboard.span import DAY, MAX_DAYS, Span, SpanForm
from scoring.services.policy import BandDraft

PRESETS = {30: "30 days", 90: "90 days", 180: "180 days"}
_DEFAULT_DAYS = 90
_MOST_MONEY = Decimal(10) ** 9
_MOST_BANDS = 50


class ThresholdForm(SpanForm):
    """Days, a currency, bands, a model; how much the team can do and what mistakes cost."""

    model = forms.CharField(required=False, max_length=64)
    bands = forms.RegexField(
        r"^(data|one|[0-9]{1,9})$", required=False, error_messages={"invalid": "Choose bands from the list."}
    )
    band = forms.IntegerField(required=False, min_value=0, max_value=_MOST_BANDS, widget=forms.HiddenInput)
    capacity = forms.IntegerField(label="Alerts the team can review a day", required=False, min_value=0,
                                  max_value=10_000_000)  # fmt: skip
    false_decline = forms.DecimalField(label="A good payment declined costs", required=False, min_value=0,
                                       max_value=_MOST_MONEY, decimal_places=4)  # fmt: skip
    review = forms.DecimalField(label="A review costs", required=False, min_value=0, max_value=_MOST_MONEY,
                                decimal_places=4)  # fmt: skip
    mature = forms.IntegerField(label="Labels are complete after, days", required=False, min_value=1,
                                max_value=MAX_DAYS)  # fmt: skip

    def span(self) -> Span:
        """What was asked for; the last 90 days if nothing was, or nothing that holds."""
        given = self.cleaned_data if self.is_bound and not self.errors else {}
        last = given.get("until") or self.now.astimezone(UTC).date()
        days = given.get("days") or _DEFAULT_DAYS
        return Span(given.get("since") or last - (days - 1) * DAY, last, self.now)

    def given(self, name: str) -> Any:
        """A number that was asked for; None if none was, or the form does not hold."""
        return self.cleaned_data.get(name) if self.is_bound and not self.errors else None


class DraftForm(forms.Form):
    """The thresholds of a row of the page: `from_amount|review|decline` for each band."""

    based_on = forms.IntegerField(min_value=1, max_value=2**31 - 1)
    currency = forms.RegexField(r"^[A-Z]{3}$", error_messages={"invalid": "Three capital letters, as EUR."})
    # As often as there are bands.
    band = forms.Field(widget=forms.SelectMultiple)
    is_for_all = forms.BooleanField(required=False)
    note = forms.CharField(max_length=200)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        texts = cleaned.get("band") or []
        if len(texts) > _MOST_BANDS:
            self.add_error("band", f"Give at most {_MOST_BANDS} bands.")
        cleaned["bands"] = [self._band(text) for text in texts[:_MOST_BANDS]]
        if not self.errors:
            self._check_order(cleaned["bands"], is_for_all=cleaned["is_for_all"])
        return cleaned

    def draft(self) -> dict[str, Any]:
        """What the service takes."""
        return {name: self.cleaned_data[name] for name in ("based_on", "currency", "bands", "is_for_all", "note")}

    def _band(self, text: str) -> BandDraft | None:
        try:
            amount, review, decline = text.split("|")
            band = BandDraft(self.cleaned_data.get("currency", ""), Decimal(amount), float(review), float(decline))
        except (ValueError, InvalidOperation):
            self.add_error("band", "A band is written as amount|review threshold|decline threshold, as 50|0.02|0.9.")
            return None
        is_amount = band.from_amount.is_finite() and 0 <= band.from_amount <= _MOST_MONEY
        is_amount = is_amount and band.from_amount == round(band.from_amount, 4)
        if not is_amount or not _are_thresholds(band.review_threshold, band.decline_threshold):
            self.add_error(
                "band", "A band needs an amount from 0 on, with 4 decimals at most, and 0 < review <= decline <= 1."
            )
        return band

    def _check_order(self, bands: Sequence[BandDraft], *, is_for_all: bool) -> None:
        amounts = [band.from_amount for band in bands]
        if amounts[0] != 0 or sorted(set(amounts)) != amounts:
            self.add_error("band", "Bands begin at 0 and go up, each amount once.")
        elif is_for_all and len(bands) > 1:
            self.add_error("band", "Thresholds for all payments are one pair.")


def _are_thresholds(review: float, decline: float) -> bool:
    return all(map(math.isfinite, (review, decline))) and 0 < review <= decline <= 1
