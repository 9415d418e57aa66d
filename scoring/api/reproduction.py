"""`POST decisions/{transaction_id}/reproduce/`: a decision made again from the record."""

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from scoring.api.answers import json_response
from scoring.api.base import ApiView
from scoring.api.problems import problem
from scoring.api.schemas import ProblemSchema
from scoring.queries import decisions_of
from scoring.services.reproduction import reproduce


class DifferenceSchema(serializers.Serializer[None]):
    field = serializers.CharField(help_text="`outcome`, `features.amount`, ...")
    recorded = serializers.JSONField(allow_null=True, help_text="As it is stored.")
    recomputed = serializers.JSONField(allow_null=True, help_text="As it comes out today.")


class MissingSchema(serializers.Serializer[None]):
    what = serializers.ChoiceField(["transaction", "features", "model", "policy", "lists"], help_text="What is gone.")
    words = serializers.CharField(help_text="Which, for people.")


class ReproductionSchema(serializers.Serializer[None]):
    transaction_id = serializers.CharField(help_text="Of the payment.")
    same = serializers.BooleanField(help_text="All of it could be made again, and is bit for bit as it is recorded.")
    differences = DifferenceSchema(many=True, help_text="Where it is another one.")
    missing = MissingSchema(many=True, help_text="What would be needed and is gone.")


_SAME = {"transaction_id": "t-1", "same": True, "differences": [], "missing": []}
_OTHER = _SAME | {
    "same": False,
    "differences": [{"field": "outcome", "recorded": "approve", "recomputed": "review"}],
}
_GONE = _SAME | {
    "same": False,
    "missing": [{"what": "model", "words": "model 20260101-0000-0123456789 is not kept any more"}],
}


class ReproductionView(ApiView):
    """`POST decisions/{transaction_id}/reproduce/`"""

    scope = "read"

    @extend_schema(
        operation_id="reproduce",
        request=None,
        responses={
            200: ReproductionSchema, 404: ProblemSchema,
        },
        examples=[
            OpenApiExample("The same", _SAME, response_only=True, status_codes=["200"]),
            OpenApiExample("Something differs", _OTHER, response_only=True, status_codes=["200"]),
            OpenApiExample("Something is gone", _GONE, response_only=True, status_codes=["200"]),
        ],
    )  # fmt: skip
    def post(self, request: Request, transaction_id: str) -> HttpResponse:
        """Make the decision again from the record: payment, vector, model, policy and lists as they were.

        Changes nothing. A body is not read.
        """
        decision = decisions_of([transaction_id]).get(transaction_id)
        if decision is None:
            return problem(404, "No transaction with this id was decided here.")
        (found,) = reproduce([decision])
        return json_response(found)
