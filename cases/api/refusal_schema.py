"""Shape of the answer to a call that left a case as it was, for the published schema."""

from typing import get_args

from rest_framework import serializers

from cases.api.refusals import Kind
from cases.models import Case
from scoring.api.schemas import ProblemSchema


class RefusalSchema(ProblemSchema):
    """Why a case was left as it is, for programs to act on."""

    refusal = serializers.ChoiceField(
        get_args(Kind), help_text="Which it is; the members below come with some of them."
    )
    claimed_by = serializers.CharField(required=False, help_text="With `claimed`: name of the account.")
    claimed_until = serializers.DateTimeField(required=False, help_text="With `claimed`: when it ends by itself.")
    status_of_case = serializers.ChoiceField(Case.Status.choices, help_text="With `not_open`.", required=False)
    merged_into = serializers.UUIDField(required=False, help_text="With `not_open`: the case it went into.")
    alert_count = serializers.IntegerField(required=False, help_text="With `grown`: payments it has now.")
    snoozed_until = serializers.DateTimeField(required=False, help_text="With `snoozed`: when it wakes by itself.")
