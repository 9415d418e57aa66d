"""Cases, their history and handling times for auditors and managers: to read, not to change."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from cases.models import Attachment, Case, CaseEvent, Handling, PaymentExport
from cases.quality_admin import CheckAdmin, FirstVerdictAdmin, KnownCaseAdmin, ReviewerAdmin, ReviewSettingsAdmin
from cases.queue_admin import QueueAdmin
from cases.seen_admin import OfSeenCases
from cases.verdict_admin import ApprovalLimitAdmin, VerdictAdmin
from scoring.admin.readonly import ReadOnlyAdmin

__all__ = [
    "ApprovalLimitAdmin",
    "CaseAdmin",
    "CaseEventAdmin",
    "CheckAdmin",
    "FirstVerdictAdmin",
    "HandlingAdmin",
    "KnownCaseAdmin",
    "PaymentExportAdmin",
    "QueueAdmin",
    "ReviewSettingsAdmin",
    "ReviewerAdmin",
    "VerdictAdmin",
]


class CaseEventInline(admin.TabularInline):
    model = CaseEvent
    extra = 0
    fields = ("happened_at", "kind", "actor", "api_key", "text")
    readonly_fields = ("happened_at", "kind", "actor", "api_key", "text")
    can_delete = False
    ordering = ["happened_at", "id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CaseEvent]:
        events: QuerySet[CaseEvent] = super().get_queryset(request)
        return events.select_related("actor", "api_key")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Case)
class CaseAdmin(OfSeenCases):
    queue_path = "queue"
    list_display = [
        "card_id",
        "queue",
        "status",
        "verdict",
        "stake",
        "currency",
        "alert_count",
        "opened_at",
        "decided_by",
    ]
    list_filter = ["status", "queue", "verdict", "typology", "opened_at"]
    list_select_related = ["decided_by", "queue"]
    search_fields = ["=card_id", "=id"]
    ordering = ["-opened_at"]
    inlines = [CaseEventInline]


@admin.register(CaseEvent)
class CaseEventAdmin(OfSeenCases):
    list_display = ["happened_at", "kind", "actor", "case", "text"]
    list_filter = ["kind", "happened_at"]
    list_select_related = ["case", "actor"]
    search_fields = ["=actor__username", "=case__card_id"]
    ordering = ["-happened_at"]


@admin.register(Handling)
class HandlingAdmin(OfSeenCases):
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


@admin.register(Attachment)
class AttachmentAdmin(OfSeenCases):
    """What files there are; their bytes are handed out by the case's page, which remembers it."""

    list_display = ["uploaded_at", "name", "kind", "size", "case", "uploaded_by", "removed_at", "removed_by"]
    list_filter = ["kind", "uploaded_at", "removed_at"]
    list_select_related = ["case", "uploaded_by", "removed_by"]
    search_fields = ["=sha256", "=uploaded_by__username", "=case__card_id"]
    ordering = ["-uploaded_at"]
