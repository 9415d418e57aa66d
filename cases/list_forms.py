"""What is filled in to put something on a list, take it off, or snooze a rule."""

from datetime import datetime, timedelta
from typing import Any

from django import forms

from scoring.rules.list_files import LONGEST_SNOOZE, MAX_REASON
from scoring.rules.lists import SNOOZE

_SAY_WHY = {"required": "Say why, for those who read it later."}
# What the button sends that goes with the choice of another list.
OTHER = "other"


class ListRemovalForm(forms.Form):
    reason = forms.CharField(label="Reason", max_length=MAX_REASON, error_messages=_SAY_WHY)


class ListEntryForm(ListRemovalForm):
    """A list by its name, why, and for how many days; 0 is for ever."""

    DAYS = [(1, "1 day"), (7, "7 days"), (30, "30 days"), (90, "90 days"), (0, "no end")]

    list = forms.CharField(label="List", max_length=80)
    other = forms.CharField(label="Other list", max_length=80, required=False)
    days = forms.TypedChoiceField(label="For", choices=DAYS, coerce=int, initial=30)

    def clean(self) -> dict[str, Any]:
        """`list` becomes the name, whichever way it was chosen."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("list") == OTHER:
            cleaned["list"] = cleaned.get("other", "")
        if "list" in cleaned and (not cleaned["list"] or cleaned["list"].startswith(SNOOZE)):
            self.add_error("list", "Choose one of the lists.")
        return cleaned

    def expires_at(self, now: datetime) -> datetime | None:
        days: int = self.cleaned_data["days"]
        return now + timedelta(days=days) if days else None


class RuleSnoozeForm(ListRemovalForm):
    """A rule that is silent for so many days."""

    DAYS = [(1, "1 day"), (7, "7 days"), (30, "30 days"), (LONGEST_SNOOZE.days, f"{LONGEST_SNOOZE.days} days")]

    rule = forms.SlugField(label="Rule", max_length=64)
    days = forms.TypedChoiceField(label="For", choices=DAYS, coerce=int, initial=7)

    def until(self, now: datetime) -> datetime:
        # A minute less: the service reads the clock after the form.
        return now + timedelta(days=self.cleaned_data["days"]) - timedelta(minutes=1)
