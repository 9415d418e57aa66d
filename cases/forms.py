"""What analysts may send."""

from typing import Any

from django import forms

from cases.models import Case


class VerdictForm(forms.Form):
    verdict = forms.ChoiceField(choices=Case.Verdict.choices)
    typology = forms.ChoiceField(choices=Case.Typology.choices, required=False)
    note = forms.CharField(max_length=2000, required=False)
    include_recent = forms.BooleanField(required=False)
    seen_alerts = forms.IntegerField(min_value=1, required=False)

    def clean(self) -> dict[str, Any]:
        """The kind of fraud says nothing about a payment that is none: it is dropped, not refused."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("verdict") != Case.Verdict.FRAUD:
            cleaned["typology"] = ""
        return cleaned


class SkipForm(forms.Form):
    note = forms.CharField(max_length=2000, required=False)


class NoteForm(forms.Form):
    note = forms.CharField(max_length=2000, error_messages={"required": "Write something first."})
