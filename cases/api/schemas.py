"""Shapes of answers about cases, for the published schema. `shapes` makes them."""

from typing import Any

from rest_framework import serializers

from cases.models import Attachment, Case, CaseEvent, Verdict, VerdictEffect
from scoring.api.explanation import ExplainedSchema
from scoring.api.schemas import ReasonSchema
from scoring.models import Label, Outcome

Schema = serializers.Serializer[None]
_HIDDEN = " Null while `is_score_hidden`."


def _text(help_text: str, *, null: bool = False) -> serializers.CharField:
    return serializers.CharField(help_text=help_text, allow_null=null)


def _moment(help_text: str, *, null: bool = False) -> serializers.DateTimeField:
    return serializers.DateTimeField(help_text=help_text, allow_null=null)


def _number(help_text: str) -> serializers.IntegerField:
    return serializers.IntegerField(help_text=help_text)


def _flag(help_text: str) -> serializers.BooleanField:
    return serializers.BooleanField(help_text=help_text)


def _choice(choices: Any, help_text: str, **more: Any) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices, help_text=help_text, **more)


class PersonSchema(Schema):
    username = _text("Name of the account.")
    name = _text("Name for people.")


class QueueSchema(Schema):
    slug = _text("Its name in addresses.")
    title = _text("Its name for people.")


class ClaimSchema(PersonSchema):
    until = _moment("When the claim ends by itself unless it is renewed.")


class CaseSchema(Schema):
    """A case. What it shows of one payment is of the one with the most at stake."""

    id = serializers.UUIDField(help_text="Of the case.")
    url = _text("Address of its detail.")
    page = _text("Address of its page in the console.")
    status = _choice(
        Case.Status.choices, "`open`, `approval` (a verdict waits for a second person), `decided`, `merged`."
    )
    card_id = _text("The card whose payments it holds.")
    queue = QueueSchema(allow_null=True, help_text="Where it stands.")
    opened_at = _moment("When its first payment was flagged.")
    due_at = _moment("When it has to be decided.")
    seconds_left = _number("Until then; below 0 it is overdue.")
    claim = ClaimSchema(allow_null=True, help_text="Who works on it; null: nobody.")
    snoozed_until = _moment("Out of the queue until then; null: it is awake.", null=True)
    alert_count = _number("Flagged payments in it: send it back as `seen_alerts` with a verdict.")
    amount = _text("Decimal, major units.")
    currency = _text("ISO 4217.")
    is_score_hidden = _flag("The desk shows this user the score, and what follows from it, after the verdict.")
    stake = _text("Expected loss: score x amount over its payments, decimal." + _HIDDEN, null=True)
    score = serializers.FloatField(allow_null=True, help_text="Probability of fraud, 0-1." + _HIDDEN)
    is_audit = serializers.BooleanField(
        allow_null=True, help_text="Drawn at random: nothing suspicious was found by the system." + _HIDDEN
    )
    top_reason = _text("What speaks most for fraud." + _HIDDEN, null=True)
    merchant_id = _text("Of that payment.")
    merchant_name = _text("As it was sent: untrusted text.")
    customer_id = _text("Empty when it was not sent.")
    device_id = _text("Empty when it was not sent.")
    channel = _text("Empty when it was not sent.")
    country = _text("Of the merchant, ISO 3166; empty when it was not sent.")
    tags = serializers.ListField(child=serializers.CharField(), help_text="By name.")
    verdict = _choice(Case.Verdict.choices, "Empty while it is not decided.", allow_blank=True)
    typology = _choice(Case.Typology.choices, "What kind of fraud; may be empty.", allow_blank=True)
    decided_by = PersonSchema(allow_null=True, help_text="Null: nobody yet, or the clock.")
    decided_at = _moment("When it was decided.", null=True)


class CasePageSchema(Schema):
    cases = CaseSchema(many=True, help_text="In the order of the list.")
    next = _text("Address of the next page; null at the end.", null=True)


class ShortPaymentSchema(Schema):
    transaction_id = _text("Of the payment.")
    occurred_at = _moment("When it was made.")
    amount = _text("Decimal, major units.")
    currency = _text("ISO 4217.")
    merchant_id = _text("Of the merchant.")
    merchant_name = _text("As it was sent: untrusted text.")
    merchant_category = _text("ISO 18245; may be empty.")
    outcome = _choice(Outcome.choices, "What was decided.")
    label = _choice(Label.Truth.choices, "What is known of it since; empty: nothing.", allow_blank=True)  # type: ignore[assignment]


class CasePaymentSchema(ShortPaymentSchema):
    decision = _text("Address of the decision with its features; asks for a key with the scope `read`.")
    card_id = _text("A token.")
    customer_id = _text("Empty when it was not sent.")
    device_id = _text("Empty when it was not sent.")
    ip_address = _text("Null when it was not sent.", null=True)
    channel = _text("Empty when it was not sent.")
    merchant_country = _text("ISO 3166; empty when it was not sent.")
    card_country = _text("ISO 3166; empty when it was not sent.")
    decided_at = _moment("When it was decided.")
    degraded = serializers.ListField(child=serializers.CharField(), help_text="Parts it was decided without.")
    model_version = _text("May be empty: no model.")
    policy_version = _number("Thresholds and rules it was decided by.")
    label_source = _choice(Label.Source.choices, "Who says `label`.", allow_blank=True)
    score = serializers.FloatField(allow_null=True, help_text="Probability of fraud, 0-1." + _HIDDEN)
    anomaly_score = serializers.FloatField(allow_null=True, help_text="0-1." + _HIDDEN)
    reasons = ReasonSchema(many=True, allow_null=True, help_text="What speaks most first." + _HIDDEN)
    rule_hits = serializers.ListField(child=serializers.CharField(), allow_null=True, help_text="Rules." + _HIDDEN)
    explanation = ExplainedSchema(allow_null=True, help_text="Why it was flagged; null until it is made." + _HIDDEN)


class FactSchema(Schema):
    name = _text("What it is about.")
    value = _text("What the payment has there, in words.")
    note = _text("How it compares with the card's other payments.")
    is_new = _flag("The card's other payments do not know it.")
    kind = _text("Kind of entity `entity` is; may be empty.")
    entity = _text("Its name in full; may be empty.")


class RelatedPaymentSchema(Schema):
    card_id = _text("Another card.")
    amount = _text("Decimal, major units.")
    currency = _text("ISO 4217.")
    occurred_at = _moment("When it was made.")
    outcome = _choice(Outcome.choices, "What was decided.")
    label = _choice(Label.Truth.choices, "What is known of it since; may be empty.", allow_blank=True)  # type: ignore[assignment]
    case_id = serializers.UUIDField(allow_null=True, help_text="Its case, when one sees it.")
    payments_of_card = _number("Payments of that card with the same thing.")


class RelatedSchema(Schema):
    kind = _text("What is shared: device, ip or merchant.")
    name = _text("Its name.")
    summary = _text("How many cards, in words.")
    payments = RelatedPaymentSchema(many=True, help_text="Of each card one; at most 8.")
    has_more = _flag("There are others.")


class SimilarPaymentSchema(Schema):
    card_id = _text("Its card; other cards come first.")
    amount = _text("Decimal, major units.")
    currency = _text("ISO 4217.")
    occurred_at = _moment("When it was made.")
    merchant_id = _text("Of the merchant.")
    merchant_name = _text("As it was sent: untrusted text.")
    label = _choice([("fraud", "Fraud"), ("legitimate", "Legitimate")], "What it was.")  # type: ignore[assignment]
    similarity = serializers.FloatField(help_text="Cosine of the embeddings, at most 1.")
    alike = serializers.ListField(
        child=serializers.CharField(), help_text="Sentences about it that hold for the case's payment too; at most 3."
    )
    case_id = serializers.UUIDField(allow_null=True, help_text="Its case, when one sees it.")


class SimilarSchema(Schema):
    fraud_similarity = serializers.FloatField(
        allow_null=True, help_text="0-1, to the frauds of other cards known when it was flagged; null: none was."
    )
    payments = SimilarPaymentSchema(many=True, help_text="The nearest, of each card one; at most 5.")


class NoteSchema(Schema):
    at = _moment("When it was written.")
    by = PersonSchema(allow_null=True, help_text="By whom.")
    by_key = _text("The API key by which a program wrote it in their name; empty: they wrote it in the console.")
    kind = _choice(CaseEvent.Kind.choices, "`note`, or what the text is the reason of.")
    text = _text("Untrusted text.")


class FileSchema(Schema):
    id = serializers.UUIDField(help_text="Of the file.")
    name = _text("As it was uploaded: untrusted text.")
    kind = _choice(Attachment.Kind.choices, "What it is.")
    bytes = _number("Its size.")
    uploaded_by = PersonSchema(help_text="By whom.")
    uploaded_at = _moment("When.")


class EffectSchema(Schema):
    kind = _choice(VerdictEffect.Kind.choices, "What it is.")
    entity = _text("The card or device; may be empty.")
    days = serializers.IntegerField(allow_null=True, help_text="On the list for so many; 0 for ever.")
    left_at = _moment("When it took effect; null: not yet.", null=True)
    words = _text("What came of it; may be empty.")


class VerdictSchema(Schema):
    """What was said of a case, and what becomes of it."""

    id = serializers.IntegerField(allow_null=True, help_text="To approve or refuse it.")
    verdict = _choice(Case.Verdict.choices, "What the case was.")
    typology = _choice(Case.Typology.choices, "What kind of fraud; may be empty.", allow_blank=True)
    why_wrong = _choice(Verdict.WhyWrong.choices, "Why it was stopped; may be empty.", allow_blank=True)
    note = _text("May be empty.")
    said_by = PersonSchema(help_text="By whom.")
    said_at = _moment("When.")
    state = _choice(
        Verdict.State.choices,
        "`waiting`: takes effect at `undo_until`; `approval`: waits for a second person; `done`, `undone`, `refused`.",
    )
    needs_approval = _flag("It is above a limit: a second person has to approve it.")
    settled_at = _moment("When it was done, undone or refused.", null=True)
    settled_by = PersonSchema(allow_null=True, help_text="Who undid, approved or refused it.")
    refusal = _text("Why it was refused; may be empty.")
    undo_until = _moment("Until when it can be undone, while it waits for its time.", null=True)
    labels = serializers.DictField(
        child=serializers.ChoiceField([*Label.Truth.values, "none"]), help_text="Transaction id to its label."
    )
    effects = EffectSchema(many=True, help_text="What follows from it.")
    known_as = _choice(
        Case.Verdict.choices,
        "The case was known, and slipped in to try who reviews it: what it was, where the desk tells that.",
        allow_null=True,
    )


class EntrySchema(Schema):
    at = _moment("When it happened.")
    title = _text("What happened.")
    by = PersonSchema(allow_null=True, help_text="Who did it; null: the clock or the payment system.")
    by_key = _text("The API key by which a program did it in their name; empty: they did it in the console.")
    text = _text("More in words; may be empty.")


class LookSchema(Schema):
    name = _text("Who looked.")
    times = _number("How often.")
    first = _moment("First.")
    last = _moment("Last.")


class HistorySchema(Schema):
    """What happened to a case, newest first."""

    entries = EntrySchema(many=True, help_text="At most 30.")
    looks = LookSchema(many=True, help_text="Who looked at it; on the first page.")
    older = _text("Value of `before` for the next page; empty at the end.")


class MaySchema(Schema):
    review = _flag("Claim, decide, note.")
    block = _flag("Block a card or allow a device by a verdict.")
    approve = _flag("Approve or refuse the verdicts of others.")
    release_others = _flag("Release the claims of others.")
    move = _flag("Move a case to another queue.")
    snooze_past_due = _flag("Snooze past the time a case is due.")


class CaseDetailSchema(CaseSchema):
    """Everything the page of a case shows."""

    payments = CasePaymentSchema(many=True, help_text="Its flagged payments, newest first.")
    headline = _text("Transaction id of the one with the most at stake.")
    facts = FactSchema(many=True, help_text="That payment beside the card's habits.")
    related = RelatedSchema(many=True, help_text="Other cards with its device, address or merchant.")
    similar = SimilarSchema(
        allow_null=True, help_text="Confirmed payments that resemble `headline`; null without an embedding." + _HIDDEN
    )
    notes = NoteSchema(many=True, help_text="Newest first; at most 100.")
    files = FileSchema(many=True, help_text="Kept with it; fetched on its page.")
    lookers = PersonSchema(many=True, help_text="Who else has it open.")
    last_verdict = VerdictSchema(allow_null=True, help_text="The last one that was said, also when it was undone.")
    recent_payments = ShortPaymentSchema(
        many=True, help_text="What `include_recent` would label: the card's others of 7 days, at most 100."
    )
    payments_held = _number("Its payments that wait for the desk's word.")
    needs_approval = serializers.ListField(
        child=serializers.ChoiceField(Case.Verdict.choices),
        help_text="Verdicts on it that a second person would have to approve.",
    )
    lifts_block = _flag("A legitimate verdict would take the card off the block list.")
    escalates_to = QueueSchema(allow_null=True, help_text="Where `escalate` hands it on to.")
    may = MaySchema(help_text="What the user of the key may do.")
    history = HistorySchema(help_text="Its first page.")
