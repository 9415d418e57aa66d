"""What an analyst fills in with a verdict, and what a second person says of it."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict

from cases.models import Case, Verdict
from cases.services.verdict_payments import NO_LABEL
from scoring.models import Label

_SAY_WHY = {"required": "Say why, for those who read it later."}
NO_BLOCK = -1
BLOCK_DAYS = [
    (NO_BLOCK, "no block"),
    (1, "1 day"),
    (7, "7 days"),
    (30, "30 days"),
    (90, "90 days"),
    (0, "no end"),
]
# What a payment of the case is called in the form: `label-17` is the one of decision 17; empty is "as the case".
_OVERRIDE = "label-"
_OVERRIDES = {**{value: value for value in Label.Truth.values}, "none": NO_LABEL}
_MAX_ID = 2**63 - 1


class VerdictForm(forms.Form):
    """A verdict with everything that is said beside it; `initial` may hold what was filled in before."""

    verdict = forms.ChoiceField(choices=Case.Verdict.choices)
    typology = forms.ChoiceField(choices=Case.Typology.choices, required=False)
    why_wrong = forms.ChoiceField(choices=Verdict.WhyWrong.choices, required=False)
    note = forms.CharField(max_length=2000, required=False)
    include_recent = forms.BooleanField(required=False)
    block_days = forms.TypedChoiceField(choices=BLOCK_DAYS, coerce=int, required=False, empty_value=None)
    allow_device = forms.CharField(max_length=64, required=False)
    block_device = forms.CharField(max_length=64, required=False)
    block_ip = forms.CharField(max_length=45, required=False)
    seen_alerts = forms.IntegerField(min_value=1, required=False)

    def clean(self) -> dict[str, Any]:
        """What says nothing with this verdict is dropped, not refused: the kind of fraud where there is none."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("verdict") != Case.Verdict.FRAUD:
            cleaned["typology"] = cleaned["block_device"] = cleaned["block_ip"] = ""
        if cleaned.get("verdict") != Case.Verdict.LEGITIMATE:
            cleaned["why_wrong"] = cleaned["allow_device"] = ""
        if cleaned.get("block_days") == NO_BLOCK:
            cleaned["block_days"] = None
        try:
            cleaned["overrides"] = {_id(name): _OVERRIDES[value] for name, value in self.chosen_labels.items() if value}
            # Without the list, from a page that has none, all of them are meant.
            cleaned["recent"] = None if self.ticked is None else [_id(value) for value in self.ticked]
        except (KeyError, ValueError) as error:
            raise forms.ValidationError("A payment was named that there is not. Please look again.") from error
        return cleaned

    @property
    def chosen_labels(self) -> dict[str, str]:
        """What was chosen for single payments, by their ids: fraud, legitimate, none or empty."""
        if not self.is_bound:
            chosen: dict[str, str] = self.initial.get("labels", {})
            return chosen
        names = [name for name in self.data if name.startswith(_OVERRIDE)]
        return {name.removeprefix(_OVERRIDE): self.data[name] for name in names}

    @property
    def ticked(self) -> list[str] | None:
        """Ids of the other payments that were ticked; None when nobody has touched the list: then all are."""
        if isinstance(self.data, QueryDict) and "recent_listed" in self.data:
            return self.data.getlist("recent")
        ticked: list[str] | None = self.initial.get("recent")
        return ticked

    @property
    def chosen_block_days(self) -> int:
        """Days of the block as the page shows them."""
        value = self["block_days"].value()
        text = "" if value is None else str(value)
        return int(text) if text.lstrip("-").isdigit() else settings.VERDICT_BLOCK_DAYS


def _id(text: str) -> int:
    """Raises: ValueError."""
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= _MAX_ID:
        raise ValueError(text)
    return number


def filled_in_before(last: Verdict) -> dict[str, Any]:
    """Initial values of the form: what was said with a verdict that was taken back or refused."""
    usual = NO_LABEL if last.verdict == Case.Verdict.INCONCLUSIVE else last.verdict
    payments = list(last.payments.all())
    effects = {effect.kind: effect for effect in last.effects.all()}
    block, device = effects.get("block_card"), effects.get("allow")
    return {
        "typology": last.typology,
        "why_wrong": last.why_wrong,
        "note": last.note,
        "labels": {str(one.decision_id): one.label or "none" for one in payments if one.label != usual},
        "include_recent": any(one.is_recent for one in payments),  # type: ignore[attr-defined]
        "recent": [str(one.decision_id) for one in payments if one.is_recent] or None,  # type: ignore[attr-defined]
        "block_days": block.days if block else settings.VERDICT_BLOCK_DAYS if last.verdict != "fraud" else NO_BLOCK,
        "allow_device": device.entity if device else "",
        "block_device": effects["block_dev"].entity if "block_dev" in effects else "",
        "block_ip": effects["block_ip"].entity if "block_ip" in effects else "",
    }


class ReasonForm(forms.Form):
    reason = forms.CharField(label="Reason", max_length=1500, error_messages=_SAY_WHY)


class RefusalForm(ReasonForm):
    hands_back = forms.BooleanField(required=False)
