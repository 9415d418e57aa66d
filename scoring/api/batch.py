"""Many payments in one call."""

import logging
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, cast

import msgspec
from django.http import HttpResponse
from django.utils.timezone import now
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from scoring.api import examples
from scoring.api.answers import (
    NOT_DECIDED,
    Refusal,
    conflict,
    engine_failed,
    json_response,
    not_a_transaction,
    not_decided,
    status_of,
)
from scoring.api.base import ApiView, json_body
from scoring.api.problems import problem
from scoring.api.schemas import BatchResultsSchema, BatchSchema
from scoring.api.throttles import count_calls
from scoring.services.decider import MAX_BATCH, Decider, InProgressError, Outcome, Undecided, decider
from scoring.services.decisions import Arrival
from scoring.services.key_book import KeyFacts
from scoring.transaction import InvalidTransactionError, decode

logger = logging.getLogger(__name__)

MAX_TRANSACTIONS = 1_000


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    transactions: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=MAX_TRANSACTIONS)]


_decoder = msgspec.json.Decoder(_Body)


class BatchView(ApiView):
    """`POST decisions/batch/`"""

    scope = "decide"
    # Each payment counts as a call.
    counts_itself = True

    @extend_schema(
        operation_id="decide_batch",
        request=BatchSchema,
        responses={200: OpenApiResponse(BatchResultsSchema, "Each payment has its result.")},
        examples=[examples.sent(examples.BATCH), examples.answered(examples.RESULTS)],
    )
    async def post(self, request: Request) -> HttpResponse:
        """Decide up to 1,000 payments in their order; one result each. One that is refused does not sink the others."""
        try:
            sent = _decoder.decode(json_body(request)).transactions
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            errors = [{"field": "transactions", "message": str(error).partition(" - at ")[0]}]
            return problem(422, "This is not a batch; nothing was stored.", errors=errors)
        await count_calls(cast(KeyFacts, request.auth), len(sent))
        results: list[dict[str, Any]] = []
        for part in _parts(sent):
            results += await _decide(part)
        return json_response({"results": results})


def _parts(sent: Sequence[msgspec.Raw]) -> Iterator[Sequence[msgspec.Raw]]:
    """Parts small enough that single payments of other callers come in between."""
    return (sent[start : start + MAX_BATCH] for start in range(0, len(sent), MAX_BATCH))


async def _decide(part: Sequence[msgspec.Raw]) -> list[dict[str, Any]]:
    lane = decider()
    read = [_read(one, lane) for one in part]
    arrivals = [one for one in read if isinstance(one, Arrival)]
    try:
        decided = iter(await lane.decide(arrivals) if arrivals else [])
    except NOT_DECIDED as error:
        refusal = not_decided(error)
        return [(one if isinstance(one, Refusal) else refusal).as_result() for one in read]
    return [one.as_result() if isinstance(one, Refusal) else _result(one, next(decided)) for one in read]


def _read(raw: msgspec.Raw, lane: Decider) -> Arrival | Refusal:
    received_at = now()
    try:
        arrival = Arrival(decode(bytes(raw), received_at=received_at), received_at, "api")
    except InvalidTransactionError as error:
        return not_a_transaction(error)
    return not_decided(InProgressError()) if lane.is_under_way(arrival.transaction.transaction_id) else arrival


def _result(arrival: Arrival, outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Undecided):
        return _refusal(arrival, outcome.error).as_result()
    if outcome.decision is None:
        return conflict().as_result()
    return {"status": status_of(outcome), "decision": outcome.decision}


def _refusal(arrival: Arrival, error: Exception) -> Refusal:
    if isinstance(error, NOT_DECIDED):
        return not_decided(error)
    logger.error("payment %s cannot be decided", arrival.transaction.transaction_id, exc_info=error)
    return engine_failed()
