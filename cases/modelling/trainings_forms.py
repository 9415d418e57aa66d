"""What a manager asks of a training."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms

from cases.day_field import DayField
from scoring.services.trainings import MOST_SECONDS, MOST_TRIALS, TrainingRequest

_DAY = timedelta(days=1)


class TrainingForm(forms.Form):
    """Days (UTC, both included), whose labels, and how many settings may be tried."""

    trained_from = DayField(label="Payments from", widget=forms.DateInput(attrs={"type": "date"}))
    trained_to = DayField(label="To", widget=forms.DateInput(attrs={"type": "date"}))
    labels_as_of = DayField(label="Labels known by the end of", widget=forms.DateInput(attrs={"type": "date"}))
    maturity_days = forms.IntegerField(label="Mature after (days)", min_value=0, max_value=3650)
    trials = forms.IntegerField(label="Settings to try", min_value=0, max_value=MOST_TRIALS)
    trial_minutes = forms.IntegerField(label="For at most (minutes)", min_value=1, max_value=MOST_SECONDS // 60)

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self._now = now

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in ("trained_from", "trained_to"):
            if name not in self.errors and not cleaned.get(name):
                self.add_error(name, "Choose a day.")
        since, until = cleaned.get("trained_from"), cleaned.get("trained_to")
        if since and until and since > until:
            self.add_error("trained_to", "The last day is before the first.")
        return cleaned

    def wanted(self) -> TrainingRequest:
        """What was asked for, of a valid form."""
        said = self.cleaned_data
        known = said["labels_as_of"]
        return TrainingRequest(
            trained_from=_midnight(said["trained_from"]),
            trained_to=_midnight(said["trained_to"] + _DAY),
            labels_as_of=_midnight(known + _DAY) if known else self._now,
            maturity_days=said["maturity_days"],
            trials=said["trials"],
            trial_seconds=60 * said["trial_minutes"],
        )


def first_values(usual: TrainingRequest) -> dict[str, Any]:
    """What the form begins with; the day the labels of the last one were still to come is left out."""
    return {
        "trained_from": usual.trained_from.date(),
        "trained_to": max((usual.trained_to - _DAY).date(), usual.trained_from.date()),
        "maturity_days": usual.maturity_days,
        "trials": 0,
        "trial_minutes": 10,
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
