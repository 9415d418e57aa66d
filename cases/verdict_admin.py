"""Verdicts for auditors and managers to read, and the limits above which a second person approves."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from cases.models import ApprovalLimit, Verdict, VerdictEffect, VerdictPayment
from cases.seen_admin import OfSeenCases
from scoring.models import Rule


class _ReadOnlyInline(admin.TabularInline):  # type: ignore[type-arg]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class VerdictPaymentInline(_ReadOnlyInline):
    model = VerdictPayment
    fields = ("decision", "label")


class VerdictEffectInline(_ReadOnlyInline):
    model = VerdictEffect
    fields = ("kind", "entity", "days", "left_at", "words")


class RuleHitFilter(admin.SimpleListFilter):
    """Verdicts on payments that a rule hit: with "legitimate" it shows what the rule stops in vain."""

    title = "rule that hit"
    parameter_name = "rule"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, code) for code in Rule.objects.order_by("code").values_list("code", flat=True).distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Verdict]) -> QuerySet[Verdict]:
        if not self.value():
            return queryset
        hit = VerdictPayment.objects.filter(decision__rule_hits__contains=[self.value()])
        return queryset.filter(id__in=hit.values("verdict"))


@admin.register(Verdict)
class VerdictAdmin(OfSeenCases):
    list_display = ["said_at", "verdict", "typology", "why_wrong", "state", "analyst", "settled_by", "case", "note"]
    list_filter = ["verdict", "why_wrong", "typology", "state", "needs_approval", RuleHitFilter, "said_at"]
    list_select_related = ["analyst", "settled_by", "case"]
    search_fields = ["=analyst__username", "=case__card_id", "=payments__decision__transaction_id"]
    ordering = ["-said_at"]
    inlines = [VerdictPaymentInline, VerdictEffectInline]


@admin.register(ApprovalLimit)
class ApprovalLimitAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["verdict", "amount", "currency"]
    ordering = ["verdict", "currency"]
