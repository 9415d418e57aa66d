"""What may be asked of the list of cases. Unknown parameters are refused by name."""

from typing import Any, get_args

from django.contrib.auth.models import User
from rest_framework import serializers

from cases import access
from cases.board import CLAIMS, Wish
from cases.models.casework import MAX_TAG_LENGTH
from cases.queries.case_list import Asked, Listed
from scoring.api.strict import MomentField, StrictSerializer
from scoring.transaction import Channel

MAX_LIMIT = 100
_WISHES = ("claimed", "tag", "currency", "country", "channel", "amount_from", "amount_to")


def _amount(help_text: str) -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=20, decimal_places=4, min_value=0, required=False, help_text=help_text
    )  # fmt: skip


class ListParameters(StrictSerializer):
    """All of them narrow the list; none is needed."""

    status = serializers.ChoiceField(
        get_args(Listed),
        default="open",
        help_text="`open` and awake, in the order work is handed out; `snoozed`; `approval`: due first; `decided`: the "
        "last one first; `any`, the newest first, which needs `card` too.",
    )
    queue = serializers.SlugField(max_length=40, required=False, help_text="Name of a queue that one sees.")
    card = serializers.CharField(max_length=64, required=False, help_text="Card of the case.")
    claimed = serializers.ChoiceField(
        list(CLAIMS), required=False, help_text="`mine`, `free` (nobody works on it) or `taken`."
    )
    tag = serializers.CharField(max_length=MAX_TAG_LENGTH, required=False, help_text="A tag of the case.")
    currency = serializers.RegexField(r"^[A-Z]{3}\Z", required=False, help_text="ISO 4217, of its largest payment.")
    country = serializers.RegexField(r"^[A-Z]{2}\Z", required=False, help_text="ISO 3166, of that payment's merchant.")
    channel = serializers.ChoiceField(get_args(Channel), required=False, help_text="Of that payment.")
    amount_from = _amount("Least amount of that payment, in its currency.")
    amount_to = _amount("Largest amount of that payment.")
    opened_since = MomentField(required=False, help_text="Opened then or later.")
    opened_before = MomentField(required=False, help_text="Opened before.")
    due_before = MomentField(required=False, help_text="To be decided before.")
    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_LIMIT, default=50, help_text="Most cases of one answer, at most 100."
    )
    cursor = serializers.CharField(
        max_length=500, required=False, help_text="Where to go on: from `next` of the answer before, not to be made."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["status"] == "any" and "card" not in attrs:
            raise serializers.ValidationError({"card": "is needed with status=any: every case there was is too many."})
        return attrs


def asked_of(parameters: dict[str, Any], *, user: User) -> Asked:
    """Raises: ValidationError: there is no such queue for the user."""
    queue = parameters.get("queue", "")
    if queue and access.desk_for(user).queue(queue) is None:
        raise serializers.ValidationError({"queue": "is no queue that you see."})
    wish = Wish(**{name: parameters[name] for name in _WISHES if name in parameters})
    times = {name: parameters.get(name) for name in ("opened_since", "opened_before", "due_before")}
    return Asked(listed=parameters["status"], queue=queue, card_id=parameters.get("card", ""), wish=wish, **times)
