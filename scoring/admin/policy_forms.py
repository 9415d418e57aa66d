"""What is sent about a draft of a policy: thresholds, rules, bands and lists, as text until a service has looked at it.

The forms read; what a version has to keep to is said by `services.policy_checks` alone.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.forms.models import BaseInlineFormSet

from scoring.models import NamedList, Policy, PolicyList, Rule, ThresholdBand
from scoring.rules.lists import SNOOZE
from scoring.services.policy import BandDraft, RuleDraft
from scoring.services.policy_checks import ContentError
from scoring.services.policy_content import Content

RULE_FIELDS = ("code", "name", "expression", "outcome", "points", "reason_code", "words", "is_enabled")
BAND_FIELDS = ("currency", "from_amount", "review_threshold", "decline_threshold")
DRAFT_FIELDS = ("note", "review_threshold", "decline_threshold", "review_points", "decline_points")
_STARTER = "The policy that a new deployment starts with"


class _Unsaved(forms.ModelForm):
    """A form whose row is written by a service, and looked at there."""

    def _post_clean(self) -> None:
        pass

    def draft(self) -> Any:
        """What is typed in, as the service takes it."""
        raise NotImplementedError


class _Refused(_Unsaved):
    """`refusal`: why the service did not write just now what is sent here."""

    refusal: Exception | None = None

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if isinstance(self.refusal, ContentError):
            for fault in self.refusal.faults:
                is_own = not fault.part and fault.field in self.fields
                self.add_error(fault.field if is_own else None, fault.message if is_own else str(fault))
        elif self.refusal is not None:
            self.add_error(None, str(self.refusal))
        return cleaned


class NewDraftForm(_Refused):
    """A copy of which version, and what it is for."""

    copy_of = forms.ModelChoiceField(
        Policy.objects.order_by("-version"), required=False, empty_label=_STARTER, help_text="The draft begins like it."
    )

    class Meta:
        model = Policy
        fields = ("note",)


class DraftForm(_Refused):
    """The version's own numbers, and the revision that was opened."""

    revision = forms.IntegerField(widget=forms.HiddenInput)

    class Meta:
        model = Policy
        fields = (*DRAFT_FIELDS, "revision")


class RuleForm(_Unsaved):
    """A rule as it is typed in."""

    # The page writes its fields out: `templates/admin/scoring/policy/rule.html`.
    owner = forms.CharField(required=False, max_length=150)
    tags = forms.CharField(required=False, max_length=500)
    expires_at = forms.DateTimeField(required=False)

    class Meta:
        model = Rule
        fields = RULE_FIELDS

    def __init__(self, *args: Any, people: Mapping[str, User] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._people = people or {}

    def clean_owner(self) -> User | None:
        name = self.cleaned_data["owner"].strip()
        if name and name not in self._people:
            raise forms.ValidationError("Nobody of this username can keep a rule: name one of those who enter here.")
        return self._people.get(name)

    def clean_tags(self) -> tuple[str, ...]:
        return tuple(tag for tag in re.split(r"[,\s]+", self.cleaned_data["tags"]) if tag)

    def draft(self) -> RuleDraft:
        return RuleDraft(**{name: self.cleaned_data[name] for name in (*RULE_FIELDS, "owner", "tags", "expires_at")})


class BandForm(_Unsaved):
    """Thresholds of a currency from an amount on."""

    class Meta:
        model = ThresholdBand
        fields = BAND_FIELDS

    def draft(self) -> BandDraft:
        return BandDraft(**{name: self.cleaned_data[name] for name in BAND_FIELDS})


class EffectForm(_Unsaved):
    """What a list does."""

    list = forms.ModelChoiceField(
        NamedList.objects.exclude(name__startswith=SNOOZE).order_by("name"), to_field_name="name"
    )

    class Meta:
        model = PolicyList
        fields = ("list", "effect")

    def draft(self) -> tuple[str, str]:
        return self.cleaned_data["list"].name, self.cleaned_data["effect"]


class PartFormSet(BaseInlineFormSet):
    """The parts of a draft. All of them are written anew, so none of them is one of the table's rows."""

    def initial_form_count(self) -> int:
        return 0

    def drafts(self) -> list[Any]:
        kept = [form for form in self.forms if form.has_changed() and not form.cleaned_data.get("DELETE")]
        return [form.draft() for form in kept if isinstance(form, _Unsaved)]


class RuleFormSet(PartFormSet):
    """The rules. `refusal`: why they were not saved just now; each fault is shown with its rule."""

    def __init__(self, *args: Any, refusal: Exception | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._refusal = refusal

    def clean(self) -> None:
        if not isinstance(self._refusal, ContentError):
            return
        by_part = {f"Rule {form.cleaned_data.get('code')}": form for form in self.forms if form.has_changed()}
        for fault in self._refusal.faults:
            form = by_part.get(fault.part)
            if form is not None and fault.field in form.fields:
                form.add_error(fault.field, fault.message)


def content_from(form: DraftForm, formsets: Sequence[PartFormSet]) -> Content:
    """What the page says. formsets: rules, bands, lists."""
    rules, bands, effects = (formset.drafts() for formset in formsets)
    own = form.cleaned_data
    return Content(
        review_threshold=own["review_threshold"],
        decline_threshold=own["decline_threshold"],
        review_points=own["review_points"],
        decline_points=own["decline_points"],
        rules=tuple(sorted(rules, key=lambda rule: rule.code)),
        bands=tuple(sorted(bands, key=lambda band: (band.currency, band.from_amount))),
        lists=dict(effects),
    )


def rows_of(content: Content) -> dict[type[Any], list[dict[str, Any]]]:
    """Model -> what its forms begin with."""
    return {
        Rule: [
            {**vars(rule), "owner": rule.owner.username if rule.owner else "", "tags": ", ".join(rule.tags)}
            for rule in content.rules
        ],
        ThresholdBand: [vars(band) for band in content.bands],
        PolicyList: [{"list": name, "effect": effect} for name, effect in (content.lists or {}).items()],
    }
