"""Decisions and models: the record."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from scoring.admin.readonly import ReadOnlyAdmin
from scoring.ml.model import ModelRefusedError
from scoring.models import Decision, ModelVersion
from scoring.queries import features_of, rescoring_detail
from scoring.services.models import promote_model


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
    list_display = ("version", "stage", "created_at", "trained_from", "trained_to", "labels_as_of")
    list_filter = ("stage",)
    ordering = ("-created_at",)
    exclude = ("artefact",)
    actions = ("promote",)

    @admin.action(description="Make champion", permissions=["promote"])
    def promote(self, request: HttpRequest, chosen: QuerySet[ModelVersion]) -> None:
        """Every process decides with it within seconds; the former champion is retired."""
        if chosen.count() != 1:
            self.message_user(request, "Choose one model: there is one champion.", messages.ERROR)
            return
        model = chosen.get()
        try:
            promote_model(model.version)
        except ModelRefusedError as error:
            self.message_user(request, f"Refused: {error}", messages.ERROR)
            return
        self.log_change(request, model, "Made champion.")
        self.message_user(request, f"Model {model.version} is the champion.", messages.SUCCESS)

    def has_promote_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("scoring.change_modelversion")
