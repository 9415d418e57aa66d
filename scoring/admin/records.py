"""Decisions and models: the record."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from scoring.admin.readonly import ReadOnlyAdmin
from scoring.models import Decision, ModelEvent, ModelVersion
from scoring.queries import features_of, rescoring_detail


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ("transaction_id", "decided_at", "outcome", "score", "amount", "currency", "card_id", "merchant_id")
    list_filter = ("outcome",)
    search_fields = ("transaction_id__exact", "card_id__exact", "merchant_id__exact", "device_id__exact")
    ordering = ("-id",)
    exclude = ("features",)
    readonly_fields = ("feature_values", "scored_again")

    @admin.display(description="features")
    def feature_values(self, decision: Decision) -> str:
        """The vector by name, a line each."""
        return "\n".join(f"{name}: {value}" for name, value in features_of(decision).items())

    @admin.display(description="scored again")
    def scored_again(self, decision: Decision) -> str:
        """What was found later of a decision made without a part, a line each."""
        found = rescoring_detail(decision) or {}
        return "\n".join(f"{name}: {value}" for name, value in found.items() if name != "features")


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """What there is; its steps are taken on the pages of models."""

    list_display = (
        "version",
        "stage",
        "share",
        "stage_since",
        "created_at",
        "trained_from",
        "trained_to",
        "proposed_by",
    )
    list_filter = ("stage", "feature_version", "created_at")
    list_select_related = ("proposed_by",)
    search_fields = ("version__startswith",)
    ordering = ("-created_at",)
    exclude = ("artefact", "anomaly_artefact")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        return super().get_queryset(request).defer(*self.exclude)


@admin.register(ModelEvent)
class ModelEventAdmin(ReadOnlyAdmin):
    list_display = ("happened_at", "model", "action", "by", "note")
    list_filter = ("action", "happened_at")
    list_select_related = ("model", "by")
    search_fields = ("model__version__startswith", "by__username__exact")
    ordering = ("-happened_at", "-id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelEvent]:
        return super().get_queryset(request).defer("model__artefact", "model__anomaly_artefact")
