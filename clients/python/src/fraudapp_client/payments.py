"""Payments and decisions: what is sent, what is answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from fraudapp_client.errors import Problem


class Outcome(StrEnum):
    """What to do with a payment: let it through, hold it until somebody looked, refuse it."""

    APPROVE = "approve"
    REVIEW = "review"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One payment. `amount` in major units, exact; `occurred_at` with its time zone.

    The server checks the rest and names what it does not like.

    Raises:
        TypeError, ValueError: amount or time could not be sent as they are meant.
    """

    transaction_id: str
    occurred_at: datetime
    amount: Decimal
    currency: str
    card_id: str
    merchant_id: str
    customer_id: str | None = None
    device_id: str | None = None
    ip_address: str | None = None
    merchant_category: str | None = None
    merchant_name: str | None = None
    merchant_country: str | None = None
    card_country: str | None = None
    billing_country: str | None = None
    channel: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    extra: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise TypeError("amount must be a Decimal; made from a string, it is the amount that was meant")
        if not self.amount.is_finite():
            raise ValueError("amount must be finite")
        require_zone("occurred_at", self.occurred_at)

    def as_json(self) -> dict[str, Any]:
        """As the API takes it; what is None is left out."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        values |= {"amount": format(self.amount, "f"), "occurred_at": self.occurred_at.isoformat()}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why, in words. `contribution`: log-odds that this adds to the score; None for a rule or a list."""

    code: str
    words: str
    contribution: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the server decided, and what it decided it with.

    `outcome` is one of `Outcome`, or a word that a newer server knows.
    """

    transaction_id: str
    outcome: str
    decided_at: datetime
    score: float | None = None
    anomaly_score: float | None = None
    reasons: tuple[Reason, ...] = ()
    rule_hits: tuple[str, ...] = ()
    rule_failures: tuple[str, ...] = ()
    model_version: str = ""
    policy_version: int = 0
    latency_ms: float | None = None
    degraded: tuple[str, ...] = ()
    card_id: str = ""
    case_id: str | None = None

    @property
    def is_degraded(self) -> bool:
        """It was made without the features or without a model: the rules saw less than usual."""
        return bool(self.degraded)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionDetail(Decision):
    """A decision with the payment and the features it was made from."""

    transaction: Transaction
    features: Mapping[str, float | None] = field(default_factory=dict)
    feature_version: str = ""
    rescored: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What became of one payment of a batch: a decision, or the problem with it.

    `is_temporary`: it was not decided this time; send the payment again.
    """

    status: int
    decision: Decision | None = None
    problem: Problem | None = None
    is_temporary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    field: str
    recorded: Any = None
    recomputed: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Something a decision was made with that is no longer kept."""

    what: str
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """A decision made again from the record. `same`: all of it could be, and is as it was recorded."""

    same: bool
    transaction_id: str = ""
    differences: tuple[Difference, ...] = ()
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What features that say one thing together add to the log-odds of fraud, in words, beside the card's usual."""

    code: str
    contribution: float
    words: str
    usual: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """A single figure that would have changed the outcome: the nearest value, and until which further one it holds.

    `until` is None where it holds for all further ones. `always`: from where on it does; None: nowhere.
    """

    feature: str
    value: Decimal
    outcome: str
    words: str
    until: Decimal | None = None
    always: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternatives:
    """What would have changed the outcome, of the figures that were tried; `problem`: why nothing was."""

    found: tuple[Counterfactual, ...] = ()
    tried: tuple[str, ...] = ()
    is_whole: bool = True
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a payment was flagged, by the model that decided. `state`: `made`, or why not, with `problem` in words.

    `margin` is the log-odds of the score: `base` and all `contributions`, by feature, together.
    """

    state: str
    transaction_id: str = ""
    problem: str = ""
    model_version: str = ""
    policy_version: int = 0
    base: float | None = None
    margin: float | None = None
    families: tuple[Family, ...] = ()
    counterfactuals: Alternatives = Alternatives()
    contributions: Mapping[str, float] = field(default_factory=dict)
    feature_version: str = ""
    made_at: datetime | None = None

    @property
    def is_made(self) -> bool:
        return self.state == "made"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a payment was (`fraud` or `legitimate`), who says so, and since when it is known.

    `withdrawn` takes back whatever the source said before. `source`: `chargeback`, `issuer_report`, `customer` or
    `analyst`. `asserted_at`: when it was said, None: at `known_at`. `reason`: the source's code.

    Raises:
        ValueError: a time has no time zone.
    """

    transaction_id: str
    label: str
    source: str
    known_at: datetime
    note: str = ""
    asserted_at: datetime | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        require_zone("known_at", self.known_at)
        if self.asserted_at is not None:
            require_zone("asserted_at", self.asserted_at)

    def as_json(self) -> dict[str, Any]:
        """As the API takes it; what is empty is left out."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        times = {name: value.isoformat() for name, value in values.items() if isinstance(value, datetime)}
        return {name: value for name, value in {**values, **times}.items() if value not in ("", None)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Label):
    """A statement of the ledger: by whom (`author`, `api_key`), stored when, and why it is believed or not."""

    is_believed: bool
    why: str
    recorded_at: datetime
    author: str = ""
    api_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All that was said of a payment by `as_of`, the oldest known first; `believed` is None where nobody knows."""

    transaction_id: str
    as_of: datetime
    believed: str | None = None
    statements: tuple[Said, ...] = ()


def require_zone(name: str, time: datetime) -> None:
    """Raises: ValueError: nobody knows which time this is."""
    if time.tzinfo is None or time.utcoffset() is None:
        raise ValueError(f"{name} must have a time zone, as datetime.now(UTC) has")
