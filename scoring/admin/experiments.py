"""Experiments as they were planned and ended, and what was known of them; they are run in the console."""

import json

from django.contrib import admin

from scoring.admin.readonly import ReadOnlyAdmin
from scoring.models import Experiment, ExperimentLook


@admin.register(Experiment)
class ExperimentAdmin(ReadOnlyAdmin):
    list_display = (
        "id", "challenger", "champion", "share", "metric", "currency", "least_effect", "looks", "planned_days",
        "started_at", "started_by", "end", "ended_at", "ended_by",
    )  # fmt: skip
    list_filter = ("metric", "end", "started_at")
    search_fields = ("=id", "challenger__version__exact", "champion__version__exact", "started_by__username")
    list_select_related = ("challenger", "champion", "started_by", "ended_by")
    date_hierarchy = "started_at"


@admin.register(ExperimentLook)
class ExperimentLookAdmin(ReadOnlyAdmin):
    list_display = ("experiment", "day", "created_at")
    list_filter = ("day",)
    search_fields = ("=experiment__id",)
    list_select_related = ("experiment",)
    exclude = ("figures",)
    readonly_fields = ("found",)

    @admin.display(description="figures")
    def found(self, look: ExperimentLook) -> str:
        return json.dumps(look.figures, indent=2)
