"""What analysts may send."""

import re
from typing import Any
from uuid import UUID

from django import forms

from cases.models import Case
from cases.services.bulk import MAX_CASES


class SkipForm(forms.Form):
    note = forms.CharField(max_length=2000, required=False)


class NoteForm(forms.Form):
    note = forms.CharField(max_length=2000, error_messages={"required": "Write something first."})


class ViewForm(forms.Form):
    """A saved view's name, whose it is, and whether the queue opens with it."""

    name = forms.CharField(label="Name", max_length=40, error_messages={"required": "Give the view a name."})
    is_shared = forms.BooleanField(label="Share with the desk", required=False)
    is_default = forms.BooleanField(label="Open the queue with it", required=False)


class ChosenCasesField(forms.Field):
    """Cases by id, at most 100: `id`, or with `has_counts` `id:payments` as they were shown. Makes {id: payments}."""

    widget = forms.MultipleHiddenInput
    default_error_messages = {"required": "Choose a case first.", "broken": "This selection is broken. Choose again."}

    def __init__(self, *, has_counts: bool) -> None:
        self._pattern = re.compile(r"([0-9a-f-]{36}):([0-9]{1,9})" if has_counts else r"([0-9a-f-]{36})(0?)")
        super().__init__()

    def to_python(self, value: Any) -> dict[UUID, int]:
        parts = [self._pattern.fullmatch(str(text)) for text in value or []]
        try:
            chosen = {UUID(part[1]): int(part[2] or 0) for part in parts}  # type: ignore[index]
        except (TypeError, ValueError) as error:
            raise forms.ValidationError(self.error_messages["broken"]) from error
        if len(chosen) > MAX_CASES:
            raise forms.ValidationError(f"At most {MAX_CASES} cases at once. You chose {len(chosen)}.")
        return chosen


class SelectionForm(forms.Form):
    case = ChosenCasesField(has_counts=False)


class BulkForm(forms.Form):
    """One verdict on many cases, each with as many payments as it was shown with."""

    verdict = forms.ChoiceField(choices=Case.Verdict.choices)
    typology = forms.ChoiceField(choices=Case.Typology.choices, required=False)
    note = forms.CharField(max_length=2000, required=False)
    case = ChosenCasesField(has_counts=True)

    def clean(self) -> dict[str, Any]:
        """The kind of fraud says nothing where there is none: it is dropped, not refused."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("verdict") != Case.Verdict.FRAUD:
            cleaned["typology"] = ""
        return cleaned
