"""Cases: what analysts work on, and what a program may do in a person's place."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fraudapp_client.errors import BadAnswerError
from fraudapp_client.reading import read_object


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    username: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim(Person):
    """Who works on a case. It ends by itself at `until`, unless it is renewed."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    slug: str
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case as the key's user may see it.

    `alert_count`: flagged payments in it, to be sent back as `seen_alerts`. Amount and merchant: of the payment with
    the most at stake. Score, stake and reason are None while the desk hides them. `raw`: the whole answer; that of
    `case` and `next_case` has payments, notes and history.
    """

    id: str
    status: str
    card_id: str = ""
    queue: Queue | None = None
    opened_at: datetime | None = None
    due_at: datetime | None = None
    claim: Claim | None = None
    snoozed_until: datetime | None = None
    alert_count: int = 0
    amount: Decimal | None = None
    currency: str = ""
    stake: Decimal | None = None
    score: float | None = None
    top_reason: str | None = None
    merchant_id: str = ""
    tags: tuple[str, ...] = ()
    verdict: str = ""
    typology: str = ""
    decided_by: Person | None = None
    decided_at: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What somebody wrote on a case. Untrusted text."""

    text: str
    at: datetime
    by: Person | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be said of a case: `fraud`, `legitimate` or `inconclusive`, and what goes with it.

    `overrides`: transaction id -> `fraud`, `legitimate` or `none`, for payments that are not as the case. `recent`:
    with `include_recent`, only these transaction ids. `block_days`: of the card, 0 for ever; `block_device` and
    `block_ip`: of a payment of the case, as long. `seen_alerts`: how many payments were looked at; the server refuses
    when the case has others since.
    """

    verdict: str
    note: str | None = None
    typology: str | None = None
    why_wrong: str | None = None
    overrides: Mapping[str, str] | None = None
    include_recent: bool | None = None
    recent: tuple[str, ...] | None = None
    block_days: int | None = None
    block_device: str | None = None
    block_ip: str | None = None
    allow_device: str | None = None
    seen_alerts: int | None = None

    def as_json(self) -> dict[str, Any]:
        """As the API takes it; what was not said is left out."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedVerdict:
    """What was said of a case, and what becomes of it.

    `state`: `waiting` takes effect at `undo_until`; `approval` waits for a second person; `done`. `labels`: transaction
    id -> its label. `raw`: the whole answer.
    """

    verdict: str
    state: str
    said_at: datetime
    id: int | None = None
    said_by: Person | None = None
    undo_until: datetime | None = None
    needs_approval: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class CasePage:
    """Some cases, and the query of the page that follows; None on the last one."""

    cases: tuple[Case, ...]
    next_query: Mapping[str, str] | None


def read_case(data: Any) -> Case:
    """Raises: BadAnswerError."""
    return read_object(Case, _with_raw(data))


def read_next_case(data: Any) -> Case | None:
    """None: no case waits. Raises: BadAnswerError."""
    return None if data is None else read_case(data)


def read_verdict(data: Any) -> RecordedVerdict:
    """Raises: BadAnswerError."""
    return read_object(RecordedVerdict, _with_raw(data))


def read_case_page(data: Any) -> CasePage:
    """Raises: BadAnswerError."""
    cases = data.get("cases") if isinstance(data, Mapping) else None
    if not isinstance(cases, list):
        raise BadAnswerError("The list of cases has no `cases`.")
    return CasePage(tuple(read_case(one) for one in cases), _query_of(data.get("next")))


def _with_raw(data: Any) -> Any:
    return {**data, "raw": data} if isinstance(data, Mapping) else data


def _query_of(link: Any) -> dict[str, str] | None:
    """Of the link to the next page. Only this is taken from it: the key goes to the address the caller named."""
    if link is None:
        return None
    if not isinstance(link, str):
        raise BadAnswerError("The link to the next page is no text.")
    return dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))
