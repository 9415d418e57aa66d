"""`GET decisions/{transaction_id}/explanation/`: why a payment was flagged, as it was explained."""

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from scoring.api.answers import json_response
from scoring.api.base import ApiView
from scoring.api.problems import problem
from scoring.api.schemas import ProblemSchema
from scoring.models import Explanation, Outcome
from scoring.queries import decisions_of
from scoring.queries_explanations import explanation_detail

_NONE = (
    "No explanation is kept for this payment. One is made within seconds after a payment is flagged; of payments that "
    "were let through none is made."
)


class FamilySchema(serializers.Serializer[None]):
    code = serializers.CharField(help_text="Of features that say one thing together, as in `reasons`.")
    contribution = serializers.FloatField(help_text="Log-odds they add; below 0 they speak against fraud.")
    words = serializers.CharField(help_text="What the strongest of them says, for people.")
    usual = serializers.CharField(
        allow_blank=True, help_text="What is usual for the card, as was known then; empty: nothing to compare with."
    )


class CounterfactualSchema(serializers.Serializer[None]):
    feature = serializers.CharField(help_text="The figure, by the name of its feature.")
    value = serializers.CharField(
        help_text="The nearest value with this outcome, decimal: major units, payments, seconds, 0 for a flag."
    )
    until = serializers.CharField(
        allow_null=True, help_text="The last value from there on with this outcome, null: all of them."
    )
    always = serializers.CharField(
        allow_null=True, help_text="From this value on, with all further ones it has this outcome; null: nowhere."
    )
    outcome = serializers.ChoiceField(Outcome.choices, help_text="What the payment would have been: approve or review.")
    words = serializers.CharField(help_text="The same, for people.")


class AlternativesSchema(serializers.Serializer[None]):
    found = CounterfactualSchema(many=True, help_text="What would have passed first; may be empty.")
    tried = serializers.ListField(child=serializers.CharField(), help_text="Figures that were tried, each by itself.")
    is_whole = serializers.BooleanField(help_text="Of no figure a value was left out.")
    problem = serializers.CharField(allow_blank=True, help_text="Why nothing was tried; else empty.")


class ExplainedSchema(serializers.Serializer[None]):
    """An explanation as people see it."""

    state = serializers.ChoiceField(
        Explanation.State.choices, help_text="Only what is `made` has contributions; the others say why not."
    )
    problem = serializers.CharField(allow_blank=True, help_text="Why it is not made; else empty.")
    model_version = serializers.CharField(allow_blank=True, help_text="The model that decided; empty without one.")
    policy_version = serializers.IntegerField(help_text="The policy that decided.")
    base = serializers.FloatField(allow_null=True, help_text="Log-odds before any feature is looked at.")
    margin = serializers.FloatField(
        allow_null=True, help_text="Log-odds of the score: the base and all contributions together."
    )
    families = FamilySchema(many=True, help_text="The strongest first; their contributions add up to margin less base.")
    counterfactuals = AlternativesSchema(help_text="Which single figures would have changed the outcome.")


class ExplanationSchema(ExplainedSchema):
    transaction_id = serializers.CharField(help_text="Of the payment.")
    contributions = serializers.DictField(
        child=serializers.FloatField(), help_text="Log-odds by feature; empty where they are of an older table."
    )
    feature_version = serializers.CharField(help_text="Version of the table of features.")
    made_at = serializers.DateTimeField(help_text="When it was made. It never changes.")


EXAMPLE = {
    "transaction_id": "t-1",
    "state": "made",
    "problem": "",
    "model_version": "20261120-0600-0123456789",
    "policy_version": 3,
    "base": -4.1,
    "margin": 1.9,
    "families": [
        {
            "code": "amount",
            "contribution": 4.4,
            "words": "The amount is 11 times this card's usual one",
            "usual": "412.40 EUR; this card usually pays 39.00 EUR (the median of its last 30 payments at most)",
        },
        {"code": "velocity", "contribution": 1.6, "words": "7 earlier payments by this card in the last hour; 9 in "
         "24 hours", "usual": "this card's usual is 1"},
    ],
    "counterfactuals": {
        "found": [{"feature": "amount", "value": "129.99", "until": None, "always": "129.99", "outcome": "approve",
                   "words": "It would have passed below 130.00 EUR"}],
        "tried": ["amount", "card_count_1h", "card_is_new_device"],
        "is_whole": True,
        "problem": "",
    },
    "contributions": {"amount": 1.2, "card_amount_ratio": 3.2, "card_count_1h": 1.6},
    "feature_version": "2",
    "made_at": "2026-11-20T12:00:01.201Z",
}  # fmt: skip
_NO_MODEL = EXAMPLE | {
    "state": "no_model", "problem": "It was decided without a model.", "model_version": "", "base": None,
    "margin": None, "families": [], "contributions": {},
}  # fmt: skip


class ExplanationView(ApiView):
    """`GET decisions/{transaction_id}/explanation/`"""

    scope = "read"

    @extend_schema(
        operation_id="explanation",
        responses={
            200: ExplanationSchema, 404: ProblemSchema,
        },
        examples=[
            OpenApiExample("Made", EXAMPLE, response_only=True, status_codes=["200"]),
            OpenApiExample("Decided without a model", _NO_MODEL, response_only=True, status_codes=["200"]),
        ],
    )  # fmt: skip
    def get(self, request: Request, transaction_id: str) -> HttpResponse:
        """Say why a payment was flagged: what each feature added to its score, and what would have changed its outcome.

        By the model and the policy that decided, made once, within seconds after the payment was flagged. Of payments
        that were let through, and of those flagged before explanations were kept, there is none: 404.
        """
        decision = decisions_of([transaction_id]).get(transaction_id)
        if decision is None:
            return problem(404, "No transaction with this id was decided here.")
        found = explanation_detail(decision)
        return problem(404, _NONE) if found is None else json_response(found)
