"""Each call of the API as a value: what is sent, how its answer is read, and whether it may be sent twice."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from fraudapp_client.casework import (
    Case,
    CasePage,
    Note,
    RecordedVerdict,
    Verdict,
    read_case,
    read_case_page,
    read_next_case,
    read_verdict,
)
from fraudapp_client.errors import BadAnswerError
from fraudapp_client.payments import (
    BatchResult,
    Decision,
    DecisionDetail,
    Explanation,
    Label,
    Ledger,
    Reproduction,
    Transaction,
    require_zone,
)
from fraudapp_client.reading import read_list, read_object

Answer = TypeVar("Answer")
Filter = str | int | bool | datetime


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """`name` is for logs and errors. `is_repeatable`: done twice, it is as done once.

    `is_urgent`: somebody stands at a till.
    """

    name: str
    method: str
    path: str
    read: Callable[[Any], Answer]
    body: bytes | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = True
    is_urgent: bool = False


def request_of(call: Call[Any]) -> dict[str, Any]:
    """What httpx is told to send."""
    headers = {} if call.body is None else {"Content-Type": "application/json"}
    return {"method": call.method, "url": call.path, "params": call.query, "content": call.body, "headers": headers}


def decide(transaction: Transaction) -> Call[Decision]:
    body = _encode(transaction.as_json())
    return Call("decide", "POST", "decisions/", lambda data: read_object(Decision, data), body, is_urgent=True)


def decide_batch(transactions: Sequence[Transaction]) -> Call[tuple[BatchResult, ...]]:
    body = _encode({"transactions": [transaction.as_json() for transaction in transactions]})
    return Call("decide_batch", "POST", "decisions/batch/", _read_batch, body)


def decision(transaction_id: str) -> Call[DecisionDetail]:
    path = f"decisions/{_segment(transaction_id)}/"
    return Call("decision", "GET", path, lambda data: read_object(DecisionDetail, data))


def reproduce(transaction_id: str) -> Call[Reproduction]:
    path = f"decisions/{_segment(transaction_id)}/reproduce/"
    return Call("reproduce", "POST", path, lambda data: read_object(Reproduction, data), b"{}")


def explanation(transaction_id: str) -> Call[Explanation]:
    path = f"decisions/{_segment(transaction_id)}/explanation/"
    return Call("explanation", "GET", path, lambda data: read_object(Explanation, data))


def label(said: Label) -> Call[Label]:
    return Call("label", "POST", "labels/", lambda data: read_object(Label, data), _encode(said.as_json()))


def labels_of(transaction_id: str, as_of: datetime | None) -> Call[Ledger]:
    path = f"decisions/{_segment(transaction_id)}/labels/"
    return Call("labels_of", "GET", path, lambda data: read_object(Ledger, data), query=query_of({"as_of": as_of}))


def cases(query: Mapping[str, str]) -> Call[CasePage]:
    return Call("cases", "GET", "cases/", read_case_page, query=query)


def query_of(filters: Mapping[str, Filter | None]) -> dict[str, str]:
    """Filters as they stand in an address; those that are None are left out."""
    return {name: _filter_text(name, value) for name, value in filters.items() if value is not None}


def query_after(page: CasePage, asked: Mapping[str, str]) -> Mapping[str, str] | None:
    """Of the next page, None after the last.

    Raises:
        BadAnswerError: the next page is the one that was asked for; its cases would never end.
    """
    if page.next_query == asked:
        raise BadAnswerError("The next page of cases is the same page.")
    return page.next_query


def case(case_id: str) -> Call[Case]:
    return Call("case", "GET", _case_path(case_id), read_case)


def claim_case(case_id: str) -> Call[Case]:
    # A claim that one has already is renewed.
    return Call("claim_case", "POST", f"{_case_path(case_id)}claim/", read_case, b"{}")


def release_case(case_id: str) -> Call[Case]:
    return Call("release_case", "POST", f"{_case_path(case_id)}release/", read_case, b"{}", is_repeatable=False)


def next_case(queue: str) -> Call[Case | None]:
    body = _encode({"queue": queue} if queue else {})
    return Call("next_case", "POST", "cases/next/", read_next_case, body, is_repeatable=False)


def record_verdict(case_id: str, said: Verdict) -> Call[RecordedVerdict]:
    path, body = f"{_case_path(case_id)}verdict/", _encode(said.as_json())
    return Call("record_verdict", "POST", path, read_verdict, body, is_repeatable=False)


def undo_verdict(case_id: str) -> Call[Case]:
    return Call("undo_verdict", "POST", f"{_case_path(case_id)}undo/", read_case, b"{}", is_repeatable=False)


def add_note(case_id: str, text: str) -> Call[Note]:
    path, body = f"{_case_path(case_id)}notes/", _encode({"note": text})
    return Call("add_note", "POST", path, lambda data: read_object(Note, data), body, is_repeatable=False)


def _case_path(case_id: str) -> str:
    return f"cases/{_segment(case_id)}/"


def _segment(name: str) -> str:
    """One step of a path, whatever is in it.

    Raises:
        ValueError: it would be another path.
    """
    if name in ("", ".", ".."):
        raise ValueError(f"{name!r} cannot be looked up")
    return quote(name, safe="")


def _filter_text(name: str, value: Filter) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        require_zone(name, value)
        return value.isoformat()
    return str(value)


def _read_batch(data: Any) -> tuple[BatchResult, ...]:
    results = data.get("results") if isinstance(data, Mapping) else None
    read = read_list(BatchResult, results, "results")
    return tuple(map(_told_or_derived, read, results or ()))


def _told_or_derived(result: BatchResult, said: Mapping[str, Any]) -> BatchResult:
    """The result; where an older server did not say whether it is temporary, its status tells."""
    if said.get("is_temporary") is not None:
        return result
    # A conflict that stays one names its field.
    is_in_progress = result.status == 409 and result.problem is not None and not result.problem.errors
    return replace(result, is_temporary=is_in_progress or result.status == 429 or result.status >= 500)


def _encode(body: Any) -> bytes:
    """Raises: TypeError, ValueError: something in `extra` is no JSON."""
    return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
