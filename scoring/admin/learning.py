"""What counts as drift and when models are trained without anybody asking; reports, alarms and comparisons to read."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.timezone import now

from scoring.admin.readonly import ReadOnlyAdmin
from scoring.models import DriftAlarm, DriftReport, DriftSettings, ModelComparison, Retraining, RetrainingSettings
from scoring.services import learning_settings as service

# A model is as large as all other columns of a page together.
_HEAVY = ("artefact", "anomaly_artefact", "reference", "card", "dataset", "metrics")


class OfModelsAdmin(ReadOnlyAdmin):
    """Rows that name models."""

    models_named: tuple[str, ...] = ("model",)
    people_named: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        heavy = [f"{name}__{column}" for name in self.models_named for column in _HEAVY]
        return super().get_queryset(request).select_related(*self.models_named, *self.people_named).defer(*heavy)


class OneRowAdmin(admin.ModelAdmin):
    """The row is made when somebody first looks; the admin's history says who changed what."""

    readonly_fields = ("changed_by", "changed_at")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        service.drift_settings()
        service.retraining_settings()
        return super().get_queryset(request).select_related("changed_by")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(DriftSettings)
class DriftSettingsAdmin(OneRowAdmin):
    list_display = ("__str__", "window_days", "effect_watch", "effect_alarm", "times_usual", "changed_by", "changed_at")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        service.change_drift_settings(values, by=request.user, at=now())  # type: ignore[arg-type]  # behind a login


@admin.register(RetrainingSettings)
class RetrainingSettingsAdmin(OneRowAdmin):
    list_display = ("__str__", "is_enabled", "every_days", "on_drift", "then", "changed_by", "changed_at")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        service.change_retraining_settings(values, by=request.user, at=now())  # type: ignore[arg-type]  # as above


@admin.register(DriftReport)
class DriftReportAdmin(OfModelsAdmin):
    list_display = ("made_at", "model", "since", "until", "status", "words", "is_daily", "requested_by")
    list_filter = ("status", "is_daily", "made_at")
    people_named = ("requested_by",)
    search_fields = ("=model__version",)
    ordering = ("-made_at",)


@admin.register(DriftAlarm)
class DriftAlarmAdmin(OfModelsAdmin):
    list_display = ("opened_at", "model", "code", "words", "closed_at", "acknowledged_by", "acknowledged_at")
    list_filter = ("closed_at", "opened_at")
    people_named = ("acknowledged_by",)
    search_fields = ("=model__version", "code")
    ordering = ("-opened_at",)


@admin.register(Retraining)
class RetrainingAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "run", "then", "outcome", "words", "finished_at")
    list_filter = ("outcome", "created_at")
    list_select_related = ("run",)
    search_fields = ("=run__id", "=run__model__version")
    ordering = ("-created_at",)


@admin.register(ModelComparison)
class ModelComparisonAdmin(OfModelsAdmin):
    list_display = ("created_at", "model", "champion", "since", "until", "is_worse", "words", "requested_by")
    list_filter = ("is_worse", "created_at")
    models_named = ("model", "champion")
    people_named = ("requested_by",)
    search_fields = ("=model__version", "=champion__version")
    ordering = ("-created_at",)
