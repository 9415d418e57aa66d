"""What is sent to set the random audit."""

from typing import Any

from django import forms

from cases.models import AuditSetting
from cases.models.audit import LARGEST_SHARE, MOST_REVIEWS

# Before anybody has set anything.
_DAILY_REVIEWS = 50


class AuditForm(forms.Form):
    """A share in percent on the page, 0 to 0.05 in the table; and reviews a day."""

    share = forms.FloatField(
        label="Approved payments drawn for review, %",
        min_value=0,
        max_value=LARGEST_SHARE * 100,
        widget=forms.NumberInput(attrs={"step": "any"}),
        error_messages={
            "required": "Write a share in percent; 0 draws none.",
            # Doubled: Django fills in values by this sign.
            "max_value": f"At most {LARGEST_SHARE:.0%}% of the approved payments.",
            "min_value": "0 or more; 0 draws none.",
        },
    )
    daily_reviews = forms.IntegerField(
        label="At about this many a day the chance falls",
        min_value=1,
        max_value=MOST_REVIEWS,
        error_messages={"required": "Write how many reviews a day the desk can give."},
    )

    def __init__(self, data: Any = None, *, current: AuditSetting | None) -> None:
        share = current.share if current else 0.0
        shown = {"share": f"{share * 100:g}", "daily_reviews": current.daily_reviews if current else _DAILY_REVIEWS}
        super().__init__(data, initial=shown)

    def clean_share(self) -> float:
        return round(float(self.cleaned_data["share"]) / 100, 8)
