"""What may be sent about cases. Unknown fields are refused by name."""

from typing import Any

from rest_framework import serializers

from cases.models import Case, Verdict
from cases.services.verdict_payments import MAX_RECENT, NO_LABEL
from scoring.api.strict import MomentField, StrictBody, StrictSerializer
from scoring.models import Label

_MAX_COUNT = 2**31 - 1
_NONE = "none"
_LABELS = [*Label.Truth.values, _NONE]
_DAYS = [0, 1, 7, 30, 90]
_SEEN = "Payments the case had when it was read: with others the call is refused (409, `grown`) and changes nothing."


def _text(length: int, *, required: bool, help_text: str) -> serializers.CharField:
    default: dict[str, Any] = {} if required else {"default": "", "allow_blank": True}
    return serializers.CharField(max_length=length, required=required, help_text=help_text, **default)


class NothingBody(StrictBody):
    """An empty object, or no body at all."""


class ClaimBody(StrictBody):
    renew = serializers.BooleanField(
        default=False, help_text="Only renew the claim: a case that was released meanwhile is not taken again."
    )


class NextBody(StrictBody):
    queue = serializers.SlugField(
        max_length=40, required=False, default="", help_text="Only from this queue; of all one works on without it."
    )


class NoteBody(StrictBody):
    note = _text(2000, required=True, help_text="What the next one who works on the case should know.")


class SkipBody(StrictBody):
    reason = _text(2000, required=False, help_text="For whoever takes the case; may be left out.")


class EscalateBody(StrictBody):
    reason = _text(500, required=True, help_text="Why: what the next one reads first.")


class ReopenBody(StrictBody):
    reason = _text(1500, required=True, help_text="Why the case is looked at once more.")


class ApproveBody(StrictBody):
    verdict_id = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, help_text="`last_verdict.id`, as it was read: no other is meant."
    )


class RefuseBody(ApproveBody):
    reason = _text(1500, required=True, help_text="Why not, for whoever said it.")
    hands_back = serializers.BooleanField(
        default=False, help_text="Back to who said it for the time of a claim, rather than to whoever takes it."
    )


class MoveBody(StrictBody):
    queue = serializers.SlugField(max_length=40, help_text="An enabled queue that one sees.")


class TagsBody(StrictBody):
    add = serializers.ListField(
        child=serializers.CharField(max_length=64), default=list, max_length=20, help_text="Tags to put on."
    )
    remove = serializers.ListField(
        child=serializers.CharField(max_length=64), default=list, max_length=20, help_text="Tags to take off."
    )


class SnoozeBody(StrictBody):
    until = MomentField(
        help_text="When the case wakes: before it is due, unless one may pass that; at most 31 days away."
    )
    reason = _text(500, required=True, help_text="Why, for those who read it later.")
    seen_alerts = serializers.IntegerField(required=False, min_value=1, max_value=_MAX_COUNT, help_text=_SEEN)


class VerdictBody(StrictBody):
    """A verdict and what is said beside it. Payments are named by their transaction ids."""

    verdict = serializers.ChoiceField(Case.Verdict.choices, help_text="What the case was.")
    typology = serializers.ChoiceField(
        Case.Typology.choices, required=False, default="", help_text="What kind of fraud; only with `fraud`."
    )
    why_wrong = serializers.ChoiceField(
        Verdict.WhyWrong.choices,
        required=False,
        default="",
        help_text="Why the cardholder's payment was stopped; only with `legitimate`.",
    )
    note = _text(2000, required=False, help_text="Kept with the verdict and among the notes.")
    overrides = serializers.DictField(
        child=serializers.ChoiceField(_LABELS),
        required=False,
        default=dict,
        help_text="Payments of the case that get another label than the verdict's: transaction id to `fraud`, "
        "`legitimate` or `none`.",
    )
    include_recent = serializers.BooleanField(
        default=False, help_text="Label the card's other payments of the last 7 days too, as the verdict says."
    )
    recent = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        max_length=MAX_RECENT,
        help_text="With `include_recent`: only these of them, by transaction id.",
    )
    block_days = serializers.ChoiceField(
        _DAYS,
        required=False,
        allow_null=True,
        default=None,
        help_text="For how many days the card is blocked, 0 for ever; only with `fraud`. Without it: not at all.",
    )
    allow_device = _text(
        64, required=False, help_text="Device of a payment of the case to let through for 30 days; only `legitimate`."
    )
    block_device = _text(
        64, required=False, help_text="Device of a payment of the case to block as long as the card; only `fraud`."
    )
    block_ip = _text(
        45, required=False, help_text="Address of a payment of the case to block as long as the card; only `fraud`."
    )
    seen_alerts = serializers.IntegerField(required=False, min_value=1, max_value=_MAX_COUNT, help_text=_SEEN)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what says nothing with this verdict: nobody who sends it means it."""
        errors = {
            name: f"goes with the verdict {verdict} only; leave it out."
            for name, verdict in _ONLY_WITH.items()
            if attrs[name] not in ("", None) and attrs["verdict"] != verdict
        }
        if "recent" in attrs and not attrs["include_recent"]:
            errors["recent"] = "is used with include_recent only: send that too, or leave it out."
        if errors:
            raise serializers.ValidationError(errors)
        attrs["overrides"] = {name: NO_LABEL if label == _NONE else label for name, label in attrs["overrides"].items()}
        return attrs


_ONLY_WITH = {
    "typology": Case.Verdict.FRAUD.value,
    "block_days": Case.Verdict.FRAUD.value,
    "block_device": Case.Verdict.FRAUD.value,
    "block_ip": Case.Verdict.FRAUD.value,
    "why_wrong": Case.Verdict.LEGITIMATE.value,
    "allow_device": Case.Verdict.LEGITIMATE.value,
}


class HistoryParameters(StrictSerializer):
    before = serializers.CharField(max_length=80, default="", allow_blank=True, help_text="`older` of the page before.")
