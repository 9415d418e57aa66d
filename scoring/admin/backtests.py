"""Backtests as they were asked for and ended; they are asked for in the console."""

import json

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from scoring.admin.readonly import ReadOnlyAdmin
from scoring.models import Backtest


@admin.register(Backtest)
class BacktestAdmin(ReadOnlyAdmin):
    list_display = (
        "id", "policy", "revision", "baseline", "model_version", "since", "until", "status", "rows", "requested_by",
        "created_at", "finished_at",
    )  # fmt: skip
    list_filter = ("status", "created_at")
    search_fields = ("=id", "=policy__version", "model_version__exact", "requested_by__username")
    list_select_related = ("policy", "baseline", "requested_by")
    date_hierarchy = "created_at"
    exclude = ("result",)
    readonly_fields = ("found",)

    @admin.display(description="result")
    def found(self, backtest: Backtest) -> str:
        if not backtest.result:
            return "-"
        # The console knows which payments a person is not to see yet.
        figures = {name: value for name, value in backtest.result.items() if name != "examples"}
        return json.dumps(figures, indent=2)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Backtest]:
        # A result is as long as all other columns of a page together.
        return super().get_queryset(request).defer("result")
