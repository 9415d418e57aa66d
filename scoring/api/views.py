"""The scoring API: decide a payment, look a decision up, say what a payment was."""

from typing import Any

import msgspec
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.views import APIView

from scoring.api.problems import RETRY_AFTER, problem
from scoring.api.schemas import (
    DecisionDetailSchema,
    DecisionSchema,
    LabelSchema,
    ProblemSchema,
    TransactionSchema,
)
from scoring.queries import RecordedDecision, as_recorded, decisions_of, features_of, rescoring_detail
from scoring.services.decisions import Arrival, Writer, decide_transactions
from scoring.services.labels import LabelStatement, LabelTimeError, UnknownTransactionError, record_labels
from scoring.services.policy import NoPolicyError
from scoring.services.store import sync_store
from scoring.transaction import InvalidTransactionError, decode

_encoder = msgspec.json.Encoder(decimal_format="string")


class DecisionsView(APIView):
    """`POST decisions/`"""

    scope = "decide"

    @extend_schema(
        operation_id="decide",
        request=TransactionSchema,
        responses={
            201: DecisionSchema, 200: DecisionSchema, 401: ProblemSchema, 403: ProblemSchema, 409: ProblemSchema,
            422: ProblemSchema, 503: ProblemSchema,
        },
    )  # fmt: skip
    def post(self, request: Request) -> HttpResponse:
        """Decide a payment. Sent again unchanged, the stored decision is given; changed under the same id, 409."""
        if request.content_type.partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedMediaType(request.content_type)
        received_at = now()
        try:
            arrival = Arrival(decode(request._request.body, received_at=received_at), received_at, "api")
            (result,) = decide_transactions([arrival], writer=Writer("api", sync_store(), is_patient=False))
        except InvalidTransactionError as error:
            return problem(422, "This is not a transaction; nothing was stored.", errors=error.errors)
        except (OperationalError, InterfaceError):
            return problem(503, "The decision could not be recorded, so none was made.", headers=RETRY_AFTER)
        except NoPolicyError as error:
            return problem(503, str(error), headers=RETRY_AFTER)
        if result.decision is None:
            errors = [{"field": "transaction_id", "message": "was decided before with other content"}]
            return problem(409, "This transaction id stands for another payment.", errors=errors)
        return _json(result.decision, status=201 if result.is_new else 200)


class DecisionView(APIView):
    """`GET decisions/{transaction_id}/`"""

    scope = "read"

    @extend_schema(operation_id="decision", responses={200: DecisionDetailSchema, 404: ProblemSchema})
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
        return _json(detail)


class LabelsView(APIView):
    """`POST labels/`"""

    scope = "label"

    @extend_schema(operation_id="label", request=LabelSchema, responses={201: LabelSchema, 422: ProblemSchema})
    def post(self, request: Request) -> HttpResponse:
        """Say what a payment was: a chargeback, an issuer's report, a customer's word."""
        schema = LabelSchema(data=request.data)
        schema.is_valid(raise_exception=True)
        try:
            record_labels([LabelStatement(**schema.validated_data)], author=None)
        except UnknownTransactionError:
            errors = [{"field": "transaction_id", "message": "was never decided here"}]
            return problem(422, "The label names no payment; nothing was stored.", errors=errors)
        except LabelTimeError:
            errors = [{"field": "known_at", "message": "is in the future, or before 1970"}]
            return problem(422, "The label cannot be known then; nothing was stored.", errors=errors)
        return _json(schema.data, status=201)


def _json(body: RecordedDecision | dict[str, Any], *, status: int = 200) -> HttpResponse:
    return HttpResponse(_encoder.encode(body), content_type="application/json", status=status)
