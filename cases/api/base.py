"""What all calls about cases share: who acts, what is sent, which case, and the case under blind review."""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse
from django.utils.timezone import now
from rest_framework.request import Request

from cases.api import refusals
from cases.api.actor import actor_of, load_reviewable
from cases.api.answers import blind_row_answer, row_answer
from cases.api.bodies import NothingBody
from cases.models import Case, Check
from cases.services import checks
from scoring.api.answers import json_response
from scoring.api.base import ApiView
from scoring.api.strict import StrictSerializer


@dataclass(frozen=True)
class Act:
    """One call: who acts, when, and what they sent."""

    user: User
    now: datetime
    said: dict[str, Any]


def read(schema: type[StrictSerializer], sent: Any) -> dict[str, Any]:
    """Raises: ValidationError: names each wrong field."""
    checked = schema(data=sent)
    checked.is_valid(raise_exception=True)
    return dict(checked.validated_data)


class CaseAction(ApiView):
    """Something done to a case by who may review it.

    Whether they review it blind is asked here, before anything else is: an action added later cannot tell what was
    said of the case, nor change it. What is done and its answer are one transaction: who is told that nothing was
    stored is told the truth, though the database went away in between.
    """

    scope = "cases"
    body: ClassVar[type[StrictSerializer]] = NothingBody

    def post(self, request: Request, id: UUID) -> HttpResponse:
        user = actor_of(request)
        case, held = load_reviewable(user, id)
        if held is None and checks.was_taken_back(user, case_id=case.id):
            return refusals.answer(checks.NotHeldError(case.id), case)
        act = Act(user, now(), read(self.body, request.data))
        try:
            with transaction.atomic():
                return self.on_case(case, act) if held is None else self.on_blind(held, act)
        except refusals.REFUSALS as refusal:
            return refusals.answer(refusal, case)

    @abstractmethod
    def on_case(self, case: Case, act: Act) -> HttpResponse: ...

    def on_blind(self, held: Check, act: Act) -> HttpResponse:
        raise PermissionDenied("This cannot be done with this case just now. Decide it, or skip it.")


def row(case: Case, act: Act) -> HttpResponse:
    return json_response(row_answer(case, user=act.user, now=act.now))


def blind_row(held: Check, act: Act, *, is_held: bool) -> HttpResponse:
    return json_response(blind_row_answer(held, now=act.now, is_held=is_held))
