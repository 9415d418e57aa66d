"""Trainings as they were asked for and ended; they are asked for in the console."""

from django.contrib import admin

from scoring.admin.readonly import ReadOnlyAdmin
from scoring.models import TrainingRun


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    list_display = (
        "id", "reason", "trained_from", "trained_to", "trials", "status", "step", "model", "requested_by", "created_at",
        "finished_at",
    )  # fmt: skip
    list_filter = ("status", "reason", "created_at")
    search_fields = ("=id", "model__version", "requested_by__username")
    list_select_related = ("model", "requested_by")
    date_hierarchy = "created_at"
