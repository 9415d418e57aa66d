"""Cases by REST: the list, one of them, its history, and the next one to work on."""

from datetime import datetime
from random import SystemRandom
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponse
from django.utils.timezone import now
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from cases import access
from cases.api import answers, bodies
from cases.api.actor import actor_of, load_visible, where_it_went
from cases.api.base import read
from cases.api.cursors import CursorError, cursor_of, place_of
from cases.api.described import problems, shown
from cases.api.parameters import ListParameters, asked_of
from cases.api.schemas import CaseDetailSchema, CasePageSchema, HistorySchema
from cases.models import Check, Queue
from cases.queries.case_list import Place, cases_page
from cases.queries.history import UnknownPositionError
from cases.services import checks, presence
from cases.services.handing_out import hand_out
from scoring.api.answers import json_response
from scoring.api.base import ApiView
from scoring.api.strict import parameters_of


class CasesView(ApiView):
    """`GET cases/`"""

    scope = "cases"

    @extend_schema(
        operation_id="list_cases",
        tags=["cases"],
        parameters=[ListParameters],
        responses={200: CasePageSchema, **problems(422)},
        examples=shown("list_cases", CasePageSchema),
    )
    def get(self, request: Request) -> HttpResponse:
        """Cases of the queues the user of the key sees: open ones in the order work is handed out.

        `next` goes on after the last case; a case that changes its place meanwhile may be seen twice, or not at all.
        """
        user, moment = actor_of(request), now()
        access.check_may_view(user)
        given = read(ListParameters, parameters_of(request.query_params))
        asked = asked_of(given, user=user)
        page = cases_page(asked, user=user, now=moment, limit=given["limit"], after=_after(given))
        cursor = None if page.after is None else cursor_of(asked.listed, page.after)
        following = None if cursor is None else _address(request, cursor)
        return json_response({"cases": answers.page_answer(page, now=moment), "next": following})


def _after(given: dict[str, str]) -> Place | None:
    if "cursor" not in given:
        return None
    try:
        return place_of(given["cursor"], given["status"])  # type: ignore[arg-type]  # checked to be a list's name
    except CursorError as error:
        message = "is of no page of this list: take it from `next`, with the same status."
        raise serializers.ValidationError({"cursor": message}) from error


def _address(request: Request, cursor: str) -> str:
    asked = request.query_params.copy()
    asked["cursor"] = cursor
    return f"{request.path}?{asked.urlencode()}"


class CaseView(ApiView):
    """`GET cases/{id}/`"""

    scope = "cases"

    @extend_schema(
        operation_id="case",
        tags=["cases"],
        responses={200: CaseDetailSchema, **problems(404)},
        examples=shown("case", CaseDetailSchema),
    )
    def get(self, request: Request, id: UUID) -> HttpResponse:
        """Everything the page of the case shows. That it was looked at stands in its history, as in the console.

        A merged case is answered by the one it went into: `id` is then another.
        """
        user, moment = actor_of(request), now()
        case, held = load_visible(user, id)
        if held is None:
            checks.remember_reading(user, case_id=case.id)
            case = where_it_went(user, case)
        presence.record_view(case=case, viewer=user, now=moment)
        if held is not None:
            return json_response(answers.blind_detail_answer(held, user=user, now=moment))
        return json_response(answers.detail_answer(case, user=user, now=moment))


class HistoryView(ApiView):
    """`GET cases/{id}/history/`"""

    scope = "cases"

    @extend_schema(
        operation_id="case_history",
        tags=["cases"],
        parameters=[OpenApiParameter("before", OpenApiTypes.STR, description="`older` of the page before.")],
        responses={200: HistorySchema, **problems(404, 422)},
        examples=shown("case_history", HistorySchema),
    )
    def get(self, request: Request, id: UUID) -> HttpResponse:
        """What happened to the case, newest first, 30 entries at a time."""
        user = actor_of(request)
        case, held = load_visible(user, id)
        before = read(bodies.HistoryParameters, parameters_of(request.query_params))["before"]
        if held is not None:
            return json_response(answers.blind_history_answer(held, before=before))
        try:
            return json_response(answers.history_answer(case, before=before))
        except UnknownPositionError as error:
            raise serializers.ValidationError({"before": "names no place in this history."}) from error


class NextView(ApiView):
    """`POST cases/next/`"""

    scope = "cases"

    @extend_schema(
        operation_id="next_case",
        tags=["cases"],
        request=bodies.NextBody,
        responses={200: CaseDetailSchema, 204: None, **problems(400)},
        examples=shown("next_case", CaseDetailSchema),
    )
    def post(self, request: Request) -> HttpResponse:
        """Claim the case that weighs most and nobody works on, and read it; 204 when none waits.

        Two who ask at once get two cases. What the user skipped lately comes last.
        """
        user, moment = actor_of(request), now()
        access.check_may_review(user)
        slug = read(bodies.NextBody, request.data)["queue"]
        queue = access.desk_for(user).queue(slug) if slug else None
        if slug and queue is None:
            raise serializers.ValidationError({"queue": "is no queue that you see."})
        # One transaction: who is told that the database went away holds nothing.
        with transaction.atomic():
            return _handed_out(user, queue, now=moment)


def _handed_out(user: User, queue: Queue | None, *, now: datetime) -> HttpResponse:
    given = hand_out(analyst=user, now=now, draw=SystemRandom().random(), queue=queue)
    if given is None:
        return HttpResponse(status=204)
    case_id = given.case_id if isinstance(given, Check) else given.id
    case, held = load_visible(user, case_id)
    presence.record_view(case=case, viewer=user, now=now)
    if held is not None:
        return json_response(answers.blind_detail_answer(held, user=user, now=now))
    return json_response(answers.detail_answer(case, user=user, now=now))
