"""What is sent about the quality of review."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import User

from cases.day_field import DayField
from cases.models import Case, Display, KnownCase, ReviewSettings
from cases.queries.quality import Period

_DAYS = 28
_MOST_DAYS = 366
_TRUTHS = [Case.Verdict.FRAUD, Case.Verdict.LEGITIMATE]


class PeriodForm(forms.Form):
    """Two dates, both included; the last four weeks for what is left out."""

    since = DayField(label="From")
    until = DayField(label="To")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        first, last = self._days(date.max)
        if first and last < first:
            self.add_error("until", "This is before the first day.")
        elif first and (last - first).days >= _MOST_DAYS and last != date.max:
            self.add_error("until", f"At most {_MOST_DAYS} days.")
        return cleaned

    def period(self, *, today: date) -> Period:
        """What was asked for; the last four weeks when that is wrong."""
        first, last = self._days(today) if self.is_valid() else (None, today)
        first = max(first or last - timedelta(days=_DAYS - 1), last - timedelta(days=_MOST_DAYS - 1))
        since = datetime.combine(first, time(), UTC)
        return Period(since, datetime.combine(last, time(), UTC) + timedelta(days=1))

    def _days(self, today: date) -> tuple[date | None, date]:
        return self.cleaned_data.get("since"), self.cleaned_data.get("until") or today


class SettlementForm(forms.Form):
    verdict = forms.ChoiceField(choices=Case.Verdict.choices, error_messages={"required": "Say what stands."})
    reason = forms.CharField(max_length=500, error_messages={"required": "Say why, for both reviewers to learn."})


class KnownCaseForm(forms.Form):
    truth = forms.ChoiceField(
        choices=[(truth.value, truth.label) for truth in _TRUTHS], error_messages={"required": "Say what it was."}
    )
    reason = forms.CharField(
        max_length=KnownCase._meta.get_field("reason").max_length,
        error_messages={"required": "Say how it is known."},
    )


class PercentField(forms.FloatField):
    """0 to 100 on the page, 0 to 1 in the table."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=100, **kwargs)

    def clean(self, value: Any) -> float:
        percent: float = super().clean(value)
        return round(percent / 100, 6)

    def prepare_value(self, value: Any) -> Any:
        return f"{value * 100:g}" if isinstance(value, float) else value


class ReviewSettingsForm(forms.Form):
    """The desk's settings, and for each reviewer a field `display-<id>`."""

    display = forms.ChoiceField(label="Score and reasons are shown", choices=Display.choices)
    data_first_share = PercentField(label="At random: after the verdict in % of cases")
    second_share = PercentField(label="Decided cases reviewed a second time, %")
    second_rate = PercentField(label="“Next case” gives a second review, % of times")
    known_rate = PercentField(label="“Next case” gives a known case, % of times")
    tells_known = forms.BooleanField(label="After a known case, tell what it was", required=False)

    def __init__(self, data: Any = None, *, current: ReviewSettings, reviewers: Sequence[tuple[User, str]]) -> None:
        initial = {name: getattr(current, name) for name in self.base_fields}
        initial |= {f"display-{user.id}": display for user, display in reviewers}
        super().__init__(data, initial=initial)
        self.reviewers = reviewers
        for user, _ in reviewers:
            choices = [("", "As the desk"), *Display.choices]
            self.fields[f"display-{user.id}"] = forms.ChoiceField(
                label=user.get_full_name() or user.get_username(), choices=choices, required=False
            )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("second_rate", 0) + cleaned.get("known_rate", 0) > 0.5:
            self.add_error("second_rate", "Together with known cases at most half of the cases.")
        return cleaned

    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.base_fields}

    def displays(self) -> dict[int, str]:
        return {user.id: self.cleaned_data[f"display-{user.id}"] for user, _ in self.reviewers}

    def desk_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.base_fields]

    def people_fields(self) -> list[forms.BoundField]:
        return [self[f"display-{user.id}"] for user, _ in self.reviewers]
