"""Cases, their history and handling times for auditors and managers: to read, not to change."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from cases import access
from cases.models import Case, CaseEvent, Handling, PaymentExport
from cases.queue_admin import QueueAdmin
from scoring.admin.readonly import ReadOnlyAdmin

__all__ = ["CaseAdmin", "CaseEventAdmin", "HandlingAdmin", "PaymentExportAdmin", "QueueAdmin"]


class CaseEventInline(admin.TabularInline):
    model = CaseEvent
    extra = 0
    fields = ("happened_at", "kind", "actor", "text")
    readonly_fields = ("happened_at", "kind", "actor", "text")
    can_delete = False
    ordering = ["happened_at", "id"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OfSeenCases(ReadOnlyAdmin):
    """Rows of cases in queues that the user sees."""

    queue_path = "case__queue"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        assert isinstance(request.user, User)  # the admin lets nobody else in
        return super().get_queryset(request).filter(access.desk_for(request.user).visible(self.queue_path))


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
