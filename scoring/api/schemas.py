"""Shapes of requests and answers, for the published schema and for checking labels."""

from rest_framework import serializers

from scoring.api.strict import MomentField, StrictBody, StrictSerializer
from scoring.models import Label, Outcome


class TransactionSchema(serializers.Serializer[None]):
    """A payment; `transaction_schema` describes its fields by what decodes them."""


class RecordedTransactionSchema(serializers.Serializer[None]):
    """A payment as it was stored; described there too."""


class ReasonSchema(serializers.Serializer[None]):
    code = serializers.CharField(help_text="Of a feature, a rule or a list.")
    words = serializers.CharField(help_text="For people.")
    contribution = serializers.FloatField(
        required=False, help_text="Log-odds this adds to the score; rules and lists have none."
    )


class DecisionSchema(serializers.Serializer[None]):
    """What was decided, as it is recorded: sent again, the same payment gets the same."""

    transaction_id = serializers.CharField(help_text="Of the payment.")
    outcome = serializers.ChoiceField(
        Outcome.choices, help_text="What to do: let it through, hold it until the desk has looked, or refuse it."
    )
    score = serializers.FloatField(
        allow_null=True, min_value=0, max_value=1, help_text="Probability of fraud; null without a model."
    )
    anomaly_score = serializers.FloatField(
        allow_null=True, min_value=0, max_value=1, help_text="How unusual it is; null without such a model."
    )
    reasons = ReasonSchema(many=True, help_text="Why, what speaks most first; may be empty.")
    rule_hits = serializers.ListField(child=serializers.CharField(), help_text="Rules that hit, by name.")
    rule_failures = serializers.ListField(
        child=serializers.CharField(), help_text="Rules that could not be computed; each asks for a review."
    )
    model_version = serializers.CharField(allow_blank=True, help_text="Empty without a model.")
    policy_version = serializers.IntegerField(help_text="Thresholds and rules it was decided by.")
    decided_at = serializers.DateTimeField(help_text="When it was decided.")
    latency_ms = serializers.FloatField(min_value=0, help_text="What deciding took.")
    degraded = serializers.ListField(
        child=serializers.CharField(), help_text="Parts it was decided without: `features`, `model`."
    )
    card_id = serializers.CharField(help_text="Card of the payment.")


class RescoringSchema(serializers.Serializer[None]):
    """What scoring a decision again found that was made without a part. It changes nothing of what was answered."""

    rescored_at = serializers.DateTimeField(help_text="When it was scored again.")
    outcome = serializers.ChoiceField(Outcome.choices, help_text="What it would have been.")
    score = serializers.FloatField(allow_null=True, min_value=0, max_value=1, help_text="Probability of fraud.")
    anomaly_score = serializers.FloatField(
        allow_null=True, min_value=0, max_value=1, help_text="How unusual it is; null without such a model."
    )
    reasons = ReasonSchema(many=True, help_text="Why, what speaks most first; may be empty.")
    rule_hits = serializers.ListField(child=serializers.CharField(), help_text="Rules that hit, by name.")
    missing = serializers.ListField(child=serializers.CharField(), help_text="Parts that were missing again.")
    model_version = serializers.CharField(allow_blank=True, help_text="Empty without a model.")
    policy_version = serializers.IntegerField(help_text="Thresholds and rules it was scored by.")
    features = serializers.DictField(
        child=serializers.FloatField(allow_null=True), help_text="By name; null where there was nothing to count."
    )
    feature_version = serializers.CharField(help_text="Version of the table of features.")


class DecisionDetailSchema(DecisionSchema):
    """A decision with all it was made with."""

    rescored = RescoringSchema(allow_null=True, help_text="What scoring it again found, where it was made degraded.")
    transaction = RecordedTransactionSchema(help_text="The payment.")
    features = serializers.DictField(
        child=serializers.FloatField(allow_null=True), help_text="By name; null where there was nothing to count."
    )
    feature_version = serializers.CharField(help_text="Version of the table of features.")


class BatchSchema(StrictSerializer):
    transactions = serializers.ListField(
        child=TransactionSchema(), min_length=1, max_length=1000, help_text="In the order they are to be decided in."
    )


class LabelSchema(StrictBody):
    """What somebody says a payment was. The same payment, label, source and time again is the same statement."""

    transaction_id = serializers.CharField(max_length=64, help_text="A payment that was decided here.")
    label = serializers.ChoiceField(  # type: ignore[assignment]  # a field named as an option
        Label.Value.choices, help_text="What it was; `withdrawn` takes back whatever the source said before."
    )
    source = serializers.ChoiceField(Label.Source.choices, help_text="Who says so.")  # type: ignore[assignment]
    known_at = MomentField(
        help_text="Since when it is known, with its offset from UTC; not in the future, nor before the payment."
    )
    asserted_at = MomentField(
        required=False, allow_null=True, default=None,
        help_text="When the source said it, not after `known_at`; null or left out: at `known_at`.",
    )  # fmt: skip
    reason = serializers.CharField(
        max_length=64, required=False, default="", allow_blank=True, help_text="The source's code, like `10.4`."
    )
    note = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True, help_text="For people; kept with the label."
    )


class RecordedLabelSchema(serializers.Serializer[None]):
    """A label as it was stored."""

    transaction_id = serializers.CharField(help_text="The payment.")
    label = serializers.ChoiceField(Label.Value.choices, help_text="What it was.")  # type: ignore[assignment]
    source = serializers.ChoiceField(Label.Source.choices, help_text="Who said so.")  # type: ignore[assignment]
    known_at = serializers.DateTimeField(help_text="Since when it is known.")
    asserted_at = serializers.DateTimeField(allow_null=True, help_text="When it was said; null: at `known_at`.")
    reason = serializers.CharField(allow_blank=True, help_text="The source's code; may be empty.")
    note = serializers.CharField(allow_blank=True, help_text="May be empty.")


class AsOfSchema(StrictSerializer):
    as_of = MomentField(required=False, help_text="With what was known by then; left out: by now.")


class SaidSchema(RecordedLabelSchema):
    """A statement of the ledger."""

    recorded_at = serializers.DateTimeField(help_text="When it was stored here.")
    author = serializers.CharField(allow_blank=True, help_text="Who of the desk said it; may be empty.")
    api_key = serializers.CharField(allow_blank=True, help_text="Name of the key it came by; may be empty.")
    is_believed = serializers.BooleanField(help_text="Training, figures and console take this one.")
    why = serializers.CharField(help_text="Why it is believed, or is not: for people.")


class LedgerSchema(serializers.Serializer[None]):
    """What was said of a payment, the oldest known first."""

    transaction_id = serializers.CharField(help_text="The payment.")
    as_of = serializers.DateTimeField(help_text="What was known by then.")
    believed = serializers.ChoiceField(
        Label.Truth.choices, allow_null=True, help_text="What the payment is taken for; null: nobody knows."
    )
    statements = SaidSchema(many=True, help_text="Each of them, also what was replaced or taken back.")


class ErrorSchema(serializers.Serializer[None]):
    field = serializers.CharField(
        allow_blank=True, help_text="Where it is: a name, or a path like `overrides.t-1`; empty: the whole."
    )
    message = serializers.CharField(help_text="For people; may change.")


class ProblemSchema(serializers.Serializer[None]):
    """A problem as RFC 9457 has it."""

    type = serializers.CharField(help_text="`about:blank`: the status says it all.")
    title = serializers.CharField(help_text="The status in words.")
    status = serializers.IntegerField(min_value=400, max_value=599, help_text="The status.")
    detail = serializers.CharField(help_text="For people; may change.")
    errors = ErrorSchema(  # type: ignore[assignment]
        many=True, required=False, help_text="Each field that is wrong."
    )


class BatchResultSchema(serializers.Serializer[None]):
    """A decision or a problem, with the status that the payment would have had in a call of its own."""

    status = serializers.ChoiceField([200, 201, 409, 422, 500, 503], help_text="200 or 201 with a decision.")
    decision = DecisionSchema(required=False, help_text="With 200 and 201.")
    problem = ProblemSchema(required=False, help_text="With the others.")
    is_temporary = serializers.BooleanField(
        required=False, help_text="With a problem: whether to send this payment again, after a second."
    )


class BatchResultsSchema(serializers.Serializer[None]):
    results = BatchResultSchema(many=True, help_text="One for each payment, in their order.")
