"""Shapes of requests and answers, for the published schema and for checking labels."""

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from scoring.api.strict import MomentField, StrictSerializer
from scoring.models import Label, Outcome
from scoring.transaction import Channel


class TransactionSchema(serializers.Serializer[None]):
    """A payment. The decoder in `scoring.transaction` is what checks it; this describes it."""

    transaction_id = serializers.RegexField(r"^[A-Za-z0-9._:-]+$", max_length=64)
    occurred_at = serializers.DateTimeField()
    amount = serializers.CharField(help_text="Decimal string or number, above 0, major units.")
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    card_id = serializers.CharField(max_length=64, help_text="A token, never a card number.")
    merchant_id = serializers.CharField(max_length=64)
    customer_id = serializers.CharField(max_length=64, required=False)
    device_id = serializers.CharField(max_length=64, required=False)
    ip_address = serializers.IPAddressField(required=False)
    merchant_category = serializers.RegexField(r"^[0-9]{4}$", required=False)
    merchant_name = serializers.CharField(max_length=128, required=False)
    merchant_country = serializers.RegexField(r"^[A-Z]{2}$", required=False)
    card_country = serializers.RegexField(r"^[A-Z]{2}$", required=False)
    billing_country = serializers.RegexField(r"^[A-Z]{2}$", required=False)
    channel = serializers.ChoiceField(Channel.__args__, required=False)  # type: ignore[attr-defined]
    latitude = serializers.FloatField(required=False, min_value=-90, max_value=90)
    longitude = serializers.FloatField(required=False, min_value=-180, max_value=180)
    extra = serializers.DictField(required=False)


class ReasonSchema(serializers.Serializer[None]):
    code = serializers.CharField(help_text="Of a feature, a rule or a list.")
    words = serializers.CharField(help_text="For people.")
    contribution = serializers.FloatField(required=False, help_text="Log-odds this adds to the score.")


class DecisionSchema(serializers.Serializer[None]):
    transaction_id = serializers.CharField()
    outcome = serializers.ChoiceField(Outcome.choices)
    score = serializers.FloatField(allow_null=True)
    anomaly_score = serializers.FloatField(allow_null=True)
    reasons = ReasonSchema(many=True)
    rule_hits = serializers.ListField(child=serializers.CharField())
    model_version = serializers.CharField(allow_blank=True)
    policy_version = serializers.IntegerField()
    decided_at = serializers.DateTimeField()
    latency_ms = serializers.FloatField()
    degraded = serializers.ListField(child=serializers.CharField())
    card_id = serializers.CharField()


class RescoringSchema(serializers.Serializer[None]):
    """What scoring a decision again found that was made without a part. It changes nothing of what was answered."""

    rescored_at = serializers.DateTimeField()
    outcome = serializers.ChoiceField(Outcome.choices)
    score = serializers.FloatField(allow_null=True)
    reasons = ReasonSchema(many=True)
    rule_hits = serializers.ListField(child=serializers.CharField())
    missing = serializers.ListField(child=serializers.CharField(), help_text="Parts that were missing again.")
    model_version = serializers.CharField(allow_blank=True)
    policy_version = serializers.IntegerField()
    features = serializers.DictField(child=serializers.FloatField(allow_null=True))
    feature_version = serializers.CharField()


class DecisionDetailSchema(DecisionSchema):
    rescored = RescoringSchema(allow_null=True)
    transaction = TransactionSchema()
    features = serializers.DictField(child=serializers.FloatField(allow_null=True))
    feature_version = serializers.CharField()


class BatchSchema(serializers.Serializer[None]):
    transactions = serializers.ListField(child=TransactionSchema(), min_length=1, max_length=1000)


class LabelSchema(StrictSerializer):
    """What somebody says a payment was. The same payment, label, source and time again is the same statement."""

    transaction_id = serializers.CharField(max_length=64, help_text="A payment that was decided here.")
    label = serializers.ChoiceField(  # type: ignore[assignment]  # a field named as an option
        Label.Value.choices, help_text="What it was."
    )
    source = serializers.ChoiceField(Label.Source.choices, help_text="Who says so.")  # type: ignore[assignment]
    known_at = MomentField(help_text="Since when it is known, with its offset from UTC; not in the future.")
    note = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True, help_text="For people; kept with the label."
    )


LABEL_EXAMPLE = OpenApiExample(
    "A chargeback",
    value={
        "transaction_id": "t-2026-11-20-000417",
        "label": "fraud",
        "source": "chargeback",
        "known_at": "2026-11-28T08:00:00Z",
        "note": "reason code 10.4",
    },
)


class ErrorSchema(serializers.Serializer[None]):
    field = serializers.CharField()
    message = serializers.CharField()


class ProblemSchema(serializers.Serializer[None]):
    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = ErrorSchema(many=True, required=False)  # type: ignore[assignment]


class BatchResultSchema(serializers.Serializer[None]):
    """A decision or a problem, with the status that the payment would have had in a call of its own."""

    status = serializers.IntegerField()
    decision = DecisionSchema(required=False)
    problem = ProblemSchema(required=False)


class BatchResultsSchema(serializers.Serializer[None]):
    results = BatchResultSchema(many=True)
