"""Policy versions: drafts are made and edited here; where they go from there is decided on their console page."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Count, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timezone import now

from scoring.admin.policy_forms import (
    DRAFT_FIELDS,
    BandForm,
    DraftForm,
    EffectForm,
    NewDraftForm,
    PartFormSet,
    RuleForm,
    RuleFormSet,
    content_from,
    rows_of,
)
from scoring.models import Policy, PolicyList, Rule, ThresholdBand
from scoring.policy_defaults import starting_content
from scoring.rules.fields import FIELDS
from scoring.services import policy_versions
from scoring.services.policy_checks import MAX_BANDS, MAX_RULES, ContentError
from scoring.services.policy_content import content_of
from scoring.services.policy_guards import EditedMeanwhileError, WrongStepError


def is_edited(request: HttpRequest, obj: Model | None) -> bool:
    """Say whether a page lets change what the version says.

    What is sent is read in any case: if the version is no draft any more the service refuses it, and the text is shown
    again with that.
    """
    if not isinstance(obj, Policy) or obj.pk is None:
        return False
    may = obj.status == Policy.Status.DRAFT or request.method == "POST"
    return may and request.user.has_perm("scoring.change_policy")


class _Part(admin.options.InlineModelAdmin):
    """Parts of a version: forms without rows where it is a draft, its rows to look at where it is not."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_edited(request, obj)

    has_change_permission = has_add_permission
    has_delete_permission = has_add_permission

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("scoring.view_policy")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).order_by(*self.ordering or ())

    def get_extra(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> int:
        return len(_rows(request, obj)[self.model]) + 1 if isinstance(obj, Policy) else 0

    def get_formset(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> Any:
        if is_edited(request, obj):
            kwargs["formset"] = self.formset_of_draft
        return super().get_formset(request, obj, **kwargs)

    formset_of_draft: type[PartFormSet] = PartFormSet


class RuleInline(_Part, admin.StackedInline):
    model = Rule
    form = RuleForm
    formset_of_draft = RuleFormSet
    template = "admin/scoring/policy/rules.html"
    ordering = ("code",)
    max_num = MAX_RULES

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("owner")


class BandInline(_Part, admin.TabularInline):
    model = ThresholdBand
    form = BandForm
    ordering = ("currency", "from_amount")
    max_num = MAX_BANDS
    verbose_name_plural = "thresholds for payments of a currency from an amount on"


class ListInline(_Part, admin.TabularInline):
    model = PolicyList
    form = EffectForm
    ordering = ("list",)
    verbose_name_plural = "what lists do"


@admin.register(Policy)
class PolicyAdmin(admin.ModelAdmin):
    list_display = (
        "version",
        "status",
        "note",
        "rule_count",
        "created_by",
        "proposed_by",
        "published_by",
        "published_at",
    )
    list_select_related = ("created_by", "proposed_by", "published_by")
    list_filter = ("status", "created_at", "published_at")
    search_fields = ("note", "rules__code", "rules__expression", "rules__name")
    search_help_text = "Words of the note; code, name or expression of a rule."
    ordering = ("-version",)
    show_full_result_count = False

    class Media:
        css = {"all": ["css/policy_admin.css"]}
        js = ["js/rule_check.js"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Policy]:
        found: QuerySet[Policy] = super().get_queryset(request).annotate(rule_number=Count("rules"))
        return found

    @admin.display(description="rules")
    def rule_count(self, obj: Any) -> int:
        return int(obj.rule_number)

    @admin.display(description="on its page")
    def page(self, obj: Policy) -> str:
        return format_html(
            '<a href="{}">Changes, steps, backtests, history</a>', reverse("policy_version", args=[obj.version])
        )

    def get_inlines(self, request: HttpRequest, obj: Policy | None) -> Any:
        return (BandInline, ListInline, RuleInline) if obj else ()

    def get_fields(self, request: HttpRequest, obj: Policy | None = None) -> Any:
        if obj is None:
            return ["copy_of", "note"]
        thresholds, points = tuple(DRAFT_FIELDS[1:3]), tuple(DRAFT_FIELDS[3:])
        fields = [("version", "status", "based_on", "page"), "note", thresholds, points]
        if is_edited(request, obj):
            return [*fields, "revision"]
        return [*fields, ("created_by", "created_at"), ("proposed_by", "proposed_at"), ("published_by", "published_at")]

    def get_readonly_fields(self, request: HttpRequest, obj: Policy | None = None) -> Any:
        return ("version", "status", "based_on", "page") if obj else ()

    def get_form(self, request: HttpRequest, obj: Policy | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None or is_edited(request, obj):
            form = DraftForm if obj else NewDraftForm
            return type(form.__name__, (form,), {"refusal": getattr(request, "refusal", None)})
        return super().get_form(request, obj, change, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        asked = request.GET.get("copy_of", "")
        number = {"version": int(asked)} if asked.isdecimal() and len(asked) < 10 else {"status": Policy.Status.LIVE}
        return {"copy_of": Policy.objects.filter(**number).first()}

    def get_formset_kwargs(self, request: HttpRequest, obj: Policy, inline: Any, prefix: str) -> dict[str, Any]:
        kwargs: dict[str, Any] = super().get_formset_kwargs(request, obj, inline, prefix)
        if not is_edited(request, obj):
            return kwargs
        kwargs["queryset"] = inline.model.objects.none()
        if request.method != "POST":
            kwargs["initial"] = _rows(request, obj)[inline.model]
        if inline.model is Rule:
            kwargs |= {"refusal": getattr(request, "refusal", None), "form_kwargs": {"people": _people(obj)}}
        return kwargs

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What a service refuses is shown again as it was sent, with the reasons."""
        context = {**(extra_context or {}), "rule_fields": FIELDS.values(), "people": User.objects.filter(_MAY_KEEP)}
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except (ContentError, EditedMeanwhileError, WrongStepError) as error:
            # Raised through the admin's own transaction, which logs and announces nothing then.
            request.refusal = error  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, context)

    def save_model(self, request: HttpRequest, obj: Policy, form: Any, change: bool) -> None:
        if not change:
            _take_over(obj, _new_draft(request, form.cleaned_data))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        if not change:
            return
        bands, lists, rules = formsets
        for formset in formsets:
            formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        policy_versions.edit_draft(
            version=form.instance.version,
            revision=form.cleaned_data["revision"],
            content=content_from(form, (rules, bands, lists)),
            note=form.cleaned_data["note"],
            by=_user(request),
            at=now(),
        )

    def response_add(self, request: HttpRequest, obj: Policy, post_url_continue: str | None = None) -> HttpResponse:
        self.message_user(request, f"Version {obj.version} is a draft now: change it here, then try or propose it.")
        return redirect("admin:scoring_policy_change", obj.pk)

    def response_change(self, request: HttpRequest, obj: Policy) -> HttpResponse:
        self.message_user(request, f"Version {obj.version} is saved. It decides nothing before it is published.")
        if "_continue" in request.POST:
            return redirect("admin:scoring_policy_change", obj.pk)
        return redirect("policy_version", obj.version)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request) if obj is None else is_edited(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # What was drafted and discarded, or has decided, stays on record.
        return False


# Whoever enters the admin can be named as the keeper of a rule.
_MAY_KEEP = Q(is_active=True, is_staff=True)


def _rows(request: HttpRequest, policy: Policy) -> dict[type[Any], list[dict[str, Any]]]:
    """What the forms of the draft begin with; read once a request."""
    if not hasattr(request, "draft_rows"):
        request.draft_rows = rows_of(content_of(policy))  # type: ignore[attr-defined]
    rows: dict[type[Any], list[dict[str, Any]]] = request.draft_rows  # type: ignore[attr-defined]
    return rows


def _people(policy: Policy) -> Mapping[str, User]:
    """Username -> who can keep a rule of the draft, or keeps one already."""
    return {user.username: user for user in User.objects.filter(_MAY_KEEP | Q(id__in=policy.rules.values("owner")))}


def _new_draft(request: HttpRequest, sent: Mapping[str, Any]) -> Policy:
    by, at, note = _user(request), now(), sent["note"]
    if sent["copy_of"]:
        return policy_versions.draft_copy(of=sent["copy_of"].version, note=note, by=by, at=at)
    return policy_versions.draft_policy(content=starting_content(), note=note, by=by, at=at)


def _take_over(obj: Policy, made: Policy) -> None:
    obj.pk, obj.version, obj.status = made.pk, made.version, made.status
    obj._state.adding = False


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the admin lets nobody else in
    return request.user
