"""What a manager asks of a backtest."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.conf import settings

from cases.day_field import DayField
from scoring.models import ModelVersion, Policy
from scoring.services.backtests import BacktestRequest

QUICK_DAYS = (7, 30, 90)
DEFAULT_DAYS = 30
# Of a desk of two or three people; the last one asked for is kept from then on.
DEFAULT_CAPACITY = 300
MAX_DAYS = 400
_DAY = timedelta(days=1)


class VersionField(forms.ModelChoiceField):  # type: ignore[type-arg]  # it takes none when it runs
    """A version, by what it is for."""

    def label_from_instance(self, policy: Policy) -> str:
        return f"{policy.version}, {policy.status}: {policy.note}"


class BacktestForm(forms.Form):
    """A version, days (UTC, both included), whose labels, and what the team can do."""

    policy = VersionField(
        Policy.objects.none(), label="Version", empty_label=None, error_messages={"required": "Choose a version."}
    )
    model_version = forms.ChoiceField(label="Scores", required=False)
    since = DayField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = DayField(label="To", widget=forms.DateInput(attrs={"type": "date"}))
    capacity = forms.IntegerField(label="Alerts you can review a day", min_value=0, max_value=10_000_000)
    labels_as_of = DayField(label="Labels known by the end of", widget=forms.DateInput(attrs={"type": "date"}))
    maturity_days = forms.IntegerField(label="Unlabelled is legitimate after (days)", min_value=0, max_value=3650)

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self._now = now
        versions = Policy.objects.exclude(status=Policy.Status.DISCARDED).order_by("-version")
        field = self.fields["policy"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = versions
        models = ModelVersion.objects.order_by("-id").values_list("version", "stage")
        choices = self.fields["model_version"]
        assert isinstance(choices, forms.ChoiceField)
        choices.choices = [("", "as recorded"), *((version, f"{version} ({stage})") for version, stage in models)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in ("since", "until"):
            if name not in self.errors and not cleaned.get(name):
                self.add_error(name, "Choose a day.")
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            self.add_error("until", "The last day is before the first.")
        elif since and until and (until - since).days >= MAX_DAYS:
            self.add_error("since", f"Choose at most {MAX_DAYS} days.")
        return cleaned

    def wanted(self) -> BacktestRequest:
        """What was asked for, of a valid form."""
        said = self.cleaned_data
        known = said["labels_as_of"]
        return BacktestRequest(
            policy=said["policy"],
            since=_midnight(said["since"]),
            until=_midnight(said["until"] + _DAY),
            labels_as_of=_midnight(known + _DAY) if known else self._now,
            maturity_days=said["maturity_days"],
            capacity=said["capacity"],
            model_version=said["model_version"],
        )


def first_values(*, today: date, days: int, policy: Policy | None, capacity: int | None) -> dict[str, Any]:
    """What the form begins with: so many days up to today."""
    return {
        "policy": policy,
        "since": today - (days - 1) * _DAY,
        "until": today,
        "capacity": DEFAULT_CAPACITY if capacity is None else capacity,
        "maturity_days": settings.LABEL_MATURITY_DAYS,
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
