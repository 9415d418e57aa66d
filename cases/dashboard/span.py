"""The days somebody asks for, and those before to compare with."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms

from cases.day_field import DayField

DAY = timedelta(days=1)
DEFAULT_DAYS = 7
PRESETS = {1: "Today", 7: "7 days", 30: "30 days", 90: "90 days"}
MAX_DAYS = 400
# What rules are put in order by.
SORTS = ("hits", "precision", "last", "code")
# Up to here a day has hours, and a picture has room for days.
_MOST_DAYS_BY_HOUR, _MOST_DAYS_BY_DAY = 2, 92


@dataclass(frozen=True)
class Span:
    """Days (UTC) from `first` to `last`, both included, as they are at `now`."""

    first: date
    last: date
    now: datetime

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def since(self) -> datetime:
        return _midnight(self.first)

    @property
    def until(self) -> datetime:
        """The end, not included."""
        return _midnight(self.last + DAY)

    @property
    def is_running(self) -> bool:
        return self.until > self.now

    @property
    def comparable_until(self) -> datetime:
        """Up to the last full hour: what runs is compared with as much of the time before."""
        return min(self.until, self.now.astimezone(UTC).replace(minute=0, second=0, microsecond=0))

    @property
    def before_since(self) -> datetime:
        return self.since - self.days * DAY

    @property
    def before_until(self) -> datetime:
        return self.comparable_until - self.days * DAY

    @property
    def preset(self) -> int | None:
        """Days of the button that stands for this span."""
        return self.days if self.days in PRESETS and self.last == self.now.astimezone(UTC).date() else None

    @property
    def title(self) -> str:
        if self.preset:
            return "Today" if self.days == 1 else f"Last {self.days} days"
        if self.days == 1:
            return f"{self.first:%-d %b %Y}"
        return f"{self.first:%-d %b %Y} to {self.last:%-d %b %Y}"

    @property
    def before_words(self) -> str:
        """What it is compared with: `than the 7 days before`."""
        said = "the day before" if self.days == 1 else f"the {self.days} days before"
        return f"{said}, up to {self.comparable_until:%H:%M}" if self.is_running else said

    @property
    def step(self) -> str:
        """hour or day: what is read; longer spans are drawn by week of it."""
        return "hour" if self.days <= _MOST_DAYS_BY_HOUR else "day"

    @property
    def is_by_week(self) -> bool:
        return self.days > _MOST_DAYS_BY_DAY

    def buckets(self) -> list[datetime]:
        """Beginnings of the hours or days."""
        step = timedelta(hours=1) if self.step == "hour" else DAY
        return [self.since + number * step for number in range(int((self.until - self.since) / step))]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


class SpanForm(forms.Form):
    """A number of days up to today, or two dates; a currency; the order of the rules."""

    days = forms.IntegerField(required=False, min_value=1, max_value=MAX_DAYS, widget=forms.HiddenInput)
    since = DayField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = DayField(label="To", widget=forms.DateInput(attrs={"type": "date"}))
    currency = forms.RegexField(r"^[A-Z]{3}$", required=False, widget=forms.HiddenInput)
    sort = forms.ChoiceField(choices=[(name, name) for name in SORTS], required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, now: datetime) -> None:
        super().__init__(data)
        self.now = now

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            span = self.span()
            if span.first > span.last:
                raise forms.ValidationError("The first day comes after the last.")
            if span.last > self.now.astimezone(UTC).date():
                raise forms.ValidationError("The last day is still to come.")
            if span.days > MAX_DAYS:
                raise forms.ValidationError(f"At most {MAX_DAYS} days at once.")
        return cleaned

    def span(self) -> Span:
        """What was asked for; the last 7 days if nothing was, or nothing that holds."""
        given = self.cleaned_data if self.is_bound and not self.errors else {}
        last = given.get("until") or self.now.astimezone(UTC).date()
        days = given.get("days") or DEFAULT_DAYS
        return Span(given.get("since") or last - (days - 1) * DAY, last, self.now)

    def chosen(self, name: str) -> str:
        """What was asked for in a field of text; empty if nothing was, or nothing that holds."""
        return str(self.cleaned_data.get(name) or "") if self.is_bound and not self.errors else ""
