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
class Case:
    """A case as the key's user may see it. `raw`: the whole answer, payments and history among it."""

    id: str
    status: str
    card_id: str = ""
    stake: Decimal | None = None
    currency: str = ""
    opened_at: datetime | None = None
    due_at: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is said of a case: `fraud`, `legitimate` or `inconclusive`, and what goes with it.

    `overrides`: transaction id -> what that payment is, where it is not as the case. `block_days`: of the card, 0 for
    ever. `seen_alerts`: how many payments were looked at; the server refuses when the case has grown since.
    """

    verdict: str
    note: str | None = None
    typology: str | None = None
    why_wrong: str | None = None
    overrides: Mapping[str, str] | None = None
    include_recent: bool | None = None
    block_days: int | None = None
    allow_device: str | None = None
    seen_alerts: int | None = None

    def as_json(self) -> dict[str, Any]:
        """As the API takes it; what was not said is left out."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class CasePage:
    """Some cases, and the query of the page that follows; None on the last one."""

    cases: tuple[Case, ...]
    next_query: Mapping[str, str] | None


def read_case(data: Any) -> Case:
    """Raises: BadAnswerError."""
    return read_object(Case, {**data, "raw": data} if isinstance(data, Mapping) else data)


def read_case_page(data: Any) -> CasePage:
    """Raises: BadAnswerError."""
    results = data.get("results") if isinstance(data, Mapping) else None
    if not isinstance(results, list):
        raise BadAnswerError("The list of cases has no `results`.")
    return CasePage(tuple(read_case(one) for one in results), _query_of(data.get("next")))


def _query_of(link: Any) -> dict[str, str] | None:
    """Of the link to the next page. Only this is taken from it: the key goes to the address the caller named."""
    if link is None:
        return None
    if not isinstance(link, str):
        raise BadAnswerError("The link to the next page is no text.")
    return dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))
