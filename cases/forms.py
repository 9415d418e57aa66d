"""What analysts may send."""

from datetime import datetime, timedelta

from django import forms

from scoring.models import ListEntry


class SkipForm(forms.Form):
    note = forms.CharField(max_length=2000, required=False)


class NoteForm(forms.Form):
    note = forms.CharField(max_length=2000, error_messages={"required": "Write something first."})


_SAY_WHY = {"required": "Say why, for those who read it later."}


class ListEntryForm(forms.Form):
    """A list, why, and for how many days; 0 is for ever."""

    DAYS = [(1, "1 day"), (7, "7 days"), (30, "30 days"), (90, "90 days"), (0, "no end")]

    kind = forms.ChoiceField(label="List", choices=ListEntry.Kind.choices)
    reason = forms.CharField(label="Reason", max_length=200, error_messages=_SAY_WHY)
    days = forms.TypedChoiceField(label="For", choices=DAYS, coerce=int, initial=30)

    def expires_at(self, now: datetime) -> datetime | None:
        days: int = self.cleaned_data["days"]
        return now + timedelta(days=days) if days else None


class ListRemovalForm(forms.Form):
    reason = forms.CharField(label="Reason", max_length=200, error_messages=_SAY_WHY)
