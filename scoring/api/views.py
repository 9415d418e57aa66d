"""The scoring API: decide a payment, look a decision up."""

import msgspec
from django.http import HttpResponse
from django.utils.timezone import now
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from scoring.api import examples
from scoring.api.answers import NOT_DECIDED, conflict, json_response, not_a_transaction, not_decided, status_of
from scoring.api.base import ApiView, json_body
from scoring.api.problems import problem
from scoring.api.schemas import (
    DecisionDetailSchema,
    DecisionSchema,
    ProblemSchema,
    TransactionSchema,
)
from scoring.queries import as_recorded, decisions_of, features_of, rescoring_detail
from scoring.services.decider import Undecided, decider
from scoring.services.decisions import Arrival
from scoring.transaction import InvalidTransactionError, decode

AGAIN_AFTER = OpenApiParameter(
    "Retry-After",
    OpenApiTypes.INT,
    OpenApiParameter.HEADER,
    description="Seconds to wait; without it, asking again does not help.",
    response=[409],
)


class DecisionsView(ApiView):
    """`POST decisions/`"""

    scope = "decide"

    @extend_schema(
        operation_id="decide",
        request=TransactionSchema,
        parameters=[AGAIN_AFTER],
        responses={
            200: OpenApiResponse(DecisionSchema, "It was decided before; this is what was stored."),
            201: OpenApiResponse(DecisionSchema, "Decided."),
            409: OpenApiResponse(
                ProblemSchema, "The id stands for another payment, or, with `Retry-After`, is being decided just now."
            ),
        },
        examples=[examples.sent(examples.PAYMENT), examples.answered(examples.DECISION, 200, 201), examples.CONFLICT],
    )
    async def post(self, request: Request) -> HttpResponse:
        """Decide a payment. Sent again unchanged, the stored decision is given; changed under the same id, 409."""
        received_at = now()
        try:
            arrival = Arrival(decode(json_body(request), received_at=received_at), received_at, "api")
            (result,) = await decider().decide([arrival])
            if isinstance(result, Undecided):
                raise result.error
        except InvalidTransactionError as error:
            return not_a_transaction(error).as_response()
        except NOT_DECIDED as error:
            return not_decided(error).as_response()
        if result.decision is None:
            return conflict().as_response()
        return json_response(result.decision, status=status_of(result))


class DecisionView(ApiView):
    """`GET decisions/{transaction_id}/`"""

    scope = "read"

    @extend_schema(
        operation_id="decision",
        responses={200: DecisionDetailSchema, 404: ProblemSchema},
        examples=[examples.answered(examples.DETAIL)],
    )
    def get(self, request: Request, transaction_id: str) -> HttpResponse:
        """The decision with the payment, the features and the versions it was made with."""
        decision = decisions_of([transaction_id]).get(transaction_id)
        if decision is None:
            return problem(404, "No transaction with this id was decided here.")
        detail = {
            **msgspec.structs.asdict(as_recorded(decision)),
            "transaction": decision.record,
            "features": features_of(decision),
            "feature_version": decision.feature_version,
            "rescored": rescoring_detail(decision),
        }
        return json_response(detail)
