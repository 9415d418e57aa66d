"""The label ledger by REST: saying what a payment was, and reading what was said."""

from typing import Any

from django.http import HttpResponse
from django.utils.timezone import now
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from scoring.api import examples
from scoring.api.answers import json_response
from scoring.api.base import ApiView
from scoring.api.problems import problem
from scoring.api.schemas import AsOfSchema, LabelSchema, LedgerSchema, ProblemSchema, RecordedLabelSchema
from scoring.models import Label
from scoring.queries import decisions_of
from scoring.queries_ledger import Said, ledger_of
from scoring.services.labels import LabelStatement, LabelTimeError, UnknownTransactionError, record_label


class LabelsView(ApiView):
    """`POST labels/`"""

    scope = "label"

    @extend_schema(
        operation_id="label",
        request=LabelSchema,
        responses={
            200: OpenApiResponse(RecordedLabelSchema, "It was said before; this is what was stored."),
            201: OpenApiResponse(RecordedLabelSchema, "Stored."),
            400: ProblemSchema,
        },
        examples=[examples.sent(examples.LABEL), examples.answered(examples.LABEL, 200, 201)],
    )
    def post(self, request: Request) -> HttpResponse:
        """Say what a payment was: a chargeback, an issuer's report, a customer's word; or take that back.

        Said again, the same statement is one label: 200 with what was stored the first time. `withdrawn` takes back
        whatever the source said before. A key that acts for a console user makes them the label's author.
        """
        key: Any = request.auth
        schema = LabelSchema(data=request.data)
        schema.is_valid(raise_exception=True)
        try:
            label, is_new = record_label(
                LabelStatement(**schema.validated_data), author_id=key.user_id, api_key_id=key.id
            )
        except UnknownTransactionError:
            errors = [{"field": "transaction_id", "message": "was never decided here"}]
            return problem(422, "The label names no payment; nothing was stored.", errors=errors)
        except LabelTimeError as error:
            errors = [{"field": error.field, "message": str(error)}]
            return problem(422, "The label cannot be known then; nothing was stored.", errors=errors)
        return json_response(_stored(label), status=201 if is_new else 200)


class LedgerView(ApiView):
    """`GET decisions/{transaction_id}/labels/`"""

    scope = "read"

    @extend_schema(
        operation_id="labels_of",
        parameters=[AsOfSchema],
        responses={200: LedgerSchema, 404: ProblemSchema, 422: ProblemSchema},
        examples=[examples.answered(examples.LEDGER)],
    )
    def get(self, request: Request, transaction_id: str) -> HttpResponse:
        """Everything that was said of a payment, the oldest known first, and which statement is believed and why."""
        asked = AsOfSchema(data=request.query_params)
        asked.is_valid(raise_exception=True)
        decision = decisions_of([transaction_id]).get(transaction_id)
        if decision is None:
            return problem(404, "No transaction with this id was decided here.")
        as_of = asked.validated_data.get("as_of") or now()
        said = ledger_of([decision.id], as_of=as_of)
        believed = next((one.label.label for one in said if one.is_believed), None)
        statements = [_told(one) for one in said]
        return json_response(
            {"transaction_id": transaction_id, "as_of": as_of, "believed": believed, "statements": statements}
        )


def _stored(label: Label) -> dict[str, Any]:
    names = ("label", "source", "known_at", "asserted_at", "reason", "note")
    return {"transaction_id": label.decision.transaction_id, **{name: getattr(label, name) for name in names}}


def _told(said: Said) -> dict[str, Any]:
    label = said.label
    return {
        **_stored(label),
        "recorded_at": label.created_at,
        "author": label.author.get_username() if label.author else "",
        "api_key": label.api_key.name if label.api_key else "",
        "is_believed": said.is_believed,
        "why": said.why,
    }
