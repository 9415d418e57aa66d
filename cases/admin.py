"""Cases, their history and handling times for auditors and managers: to read, not to change."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from cases.models import (
    Case,
    CaseEvent,
    Check,
    FirstVerdict,
    Handling,
    KnownCase,
    PaymentExport,
    Reviewer,
    ReviewSettings,
)
from scoring.admin.readonly import ReadOnlyAdmin


class CaseEventInline(admin.TabularInline):
    model = CaseEvent
    extra = 0
    fields = ("happened_at", "kind", "actor", "text")
    readonly_fields = ("happened_at", "kind", "actor", "text")
    can_delete = False
    ordering = ["happened_at", "id"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Case)
class CaseAdmin(ReadOnlyAdmin):
    list_display = [
        "card_id",
        "status",
        "verdict",
        "stake",
        "currency",
        "alert_count",
        "opened_at",
        "decided_by",
    ]
    list_filter = ["status", "verdict", "typology", "opened_at"]
    list_select_related = ["decided_by"]
    search_fields = ["=card_id", "=id"]
    ordering = ["-opened_at"]
    inlines = [CaseEventInline]


@admin.register(CaseEvent)
class CaseEventAdmin(ReadOnlyAdmin):
    list_display = ["happened_at", "kind", "actor", "case", "text"]
    list_filter = ["kind", "happened_at"]
    list_select_related = ["case", "actor"]
    search_fields = ["=actor__username", "=case__card_id"]
    ordering = ["-happened_at"]


@admin.register(Handling)
class HandlingAdmin(ReadOnlyAdmin):
    list_display = ["claimed_at", "analyst", "case", "first_viewed_at", "ended_at", "ending"]
    list_filter = ["ending", "claimed_at"]
    list_select_related = ["case", "analyst"]
    search_fields = ["=analyst__username", "=case__card_id"]
    ordering = ["-claimed_at"]


@admin.register(PaymentExport)
class PaymentExportAdmin(ReadOnlyAdmin):
    list_display = ["exported_at", "exported_by", "file_format", "rows", "is_cut", "filters"]
    list_filter = ["file_format", "is_cut", "exported_at"]
    list_select_related = ["exported_by"]
    search_fields = ["=exported_by__username"]
    ordering = ["-exported_at"]


@admin.register(Check)
class CheckAdmin(ReadOnlyAdmin):
    list_display = [
        "made_at",
        "kind",
        "case",
        "first_analyst",
        "expected",
        "analyst",
        "verdict",
        "agrees",
        "settled_as",
    ]
    list_filter = ["kind", "agrees", "variant", "decided_at"]
    list_select_related = ["case", "first_analyst", "analyst"]
    search_fields = ["=analyst__username", "=first_analyst__username", "=case__card_id"]
    ordering = ["-made_at"]


@admin.register(FirstVerdict)
class FirstVerdictAdmin(ReadOnlyAdmin):
    list_display = [
        "decided_at",
        "analyst",
        "case",
        "verdict",
        "typology",
        "truth",
        "is_corrected",
        "variant",
        "seconds",
    ]
    list_filter = ["verdict", "truth", "is_corrected", "variant", "decided_at"]
    list_select_related = ["case", "analyst"]
    search_fields = ["=analyst__username", "=case__card_id"]
    ordering = ["-decided_at"]


@admin.register(KnownCase)
class KnownCaseAdmin(ReadOnlyAdmin):
    list_display = ["marked_at", "case", "truth", "marked_by", "reason"]
    list_filter = ["truth"]
    list_select_related = ["case", "marked_by"]
    ordering = ["-marked_at"]


@admin.register(ReviewSettings)
class ReviewSettingsAdmin(ReadOnlyAdmin):
    list_display = ["display", "data_first_share", "second_share", "second_rate", "known_rate", "tells_known"]


@admin.register(Reviewer)
class ReviewerAdmin(ReadOnlyAdmin):
    list_display = ["user", "display"]
    list_select_related = ["user"]
