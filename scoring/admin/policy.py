"""Thresholds and rules: each save publishes a new version, which starts as a copy of the live one."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Model
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from scoring.models import Policy, Rule
from scoring.rules.language import RuleError, compile_condition
from scoring.services.policy import RuleDraft, StalePolicyError, publish_policy

RULE_FIELDS = ("code", "expression", "outcome", "words", "is_enabled")


class PolicyForm(forms.ModelForm):
    """The thresholds, and the version they were drafted from."""

    based_on = forms.IntegerField(widget=forms.HiddenInput)

    class Meta:
        model = Policy
        fields = ("review_threshold", "decline_threshold", "note")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        review, decline = cleaned.get("review_threshold"), cleaned.get("decline_threshold")
        if review is not None and decline is not None and not 0 < review <= decline <= 1:
            raise forms.ValidationError("Thresholds need 0 < review <= decline <= 1.")
        return cleaned


class RuleForm(forms.ModelForm):
    """A rule; the expression is compiled as it is typed in."""

    class Meta:
        model = Rule
        fields = RULE_FIELDS
        widgets = {"expression": forms.Textarea(attrs={"rows": 2, "cols": 60})}

    def clean_expression(self) -> str:
        expression: str = self.cleaned_data["expression"]
        try:
            compile_condition(expression)
        except RuleError as error:
            raise forms.ValidationError(str(error)) from error
        return expression

    def has_changed(self) -> bool:
        # A rule copied from the live version belongs to the new one though nobody touched it.
        return bool(self.initial) or super().has_changed()


class RuleFormSet(BaseInlineFormSet):
    """The rules of the draft: the live ones, and room for more."""

    def drafts(self) -> list[RuleDraft]:
        kept = [form.cleaned_data for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        return [RuleDraft(**{name: row[name] for name in RULE_FIELDS}) for row in kept]


class RuleInline(admin.StackedInline):
    model = Rule
    form = RuleForm
    formset = RuleFormSet
    fields = RULE_FIELDS

    def get_extra(self, request: HttpRequest, obj: Policy | None = None, **kwargs: Any) -> int:
        return 0 if obj else len(_live_rules()) + 1


def _live_policy() -> Policy | None:
    return Policy.objects.filter(status=Policy.Status.LIVE).first()


def _live_rules() -> list[dict[str, Any]]:
    live = _live_policy()
    return list(live.rules.order_by("code").values(*RULE_FIELDS)) if live else []


@admin.register(Policy)
class PolicyAdmin(admin.ModelAdmin):
    form = PolicyForm
    inlines = (RuleInline,)
    list_display = ("version", "review_threshold", "decline_threshold", "note", "published_by", "published_at")
    list_select_related = ("published_by",)
    ordering = ("-version",)

    def get_fields(self, request: HttpRequest, obj: Policy | None = None) -> Any:
        shown = ["review_threshold", "decline_threshold", "note"]
        return ["version", *shown, "published_by", "published_at"] if obj else [*shown, "based_on"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        live = _live_policy()
        if live is None:
            return {"based_on": 0}
        return {
            "review_threshold": live.review_threshold,
            "decline_threshold": live.decline_threshold,
            "based_on": live.version,
        }

    def get_formset_kwargs(self, request: HttpRequest, obj: Policy, inline: Any, prefix: str) -> dict[str, Any]:
        kwargs = super().get_formset_kwargs(request, obj, inline, prefix)
        return {**kwargs, "initial": _live_rules()} if obj.pk is None else kwargs

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().add_view(request, form_url, extra_context)
        except StalePolicyError as error:
            # Raised through the admin's own transaction, which logs and announces nothing then.
            self.message_user(request, str(error), messages.ERROR)
            return redirect("admin:scoring_policy_add")

    def save_model(self, request: HttpRequest, obj: Policy, form: Any, change: bool) -> None:
        """Nothing yet: version and rules are published together."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        (rules,) = formsets
        rules.new_objects, rules.changed_objects, rules.deleted_objects = [], [], []
        assert isinstance(request.user, User)  # the admin lets nobody else in
        policy = publish_policy(
            review_threshold=form.cleaned_data["review_threshold"],
            decline_threshold=form.cleaned_data["decline_threshold"],
            note=form.cleaned_data["note"],
            rules=rules.drafts(),
            published_by=request.user,
            based_on=form.cleaned_data["based_on"],
        )
        form.instance.pk, form.instance.version = policy.pk, policy.version

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # A published version is what decisions were made with: it stays as it is.
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
