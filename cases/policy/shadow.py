"""What a version would have done on live payments, as its page shows it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q, Sum

from cases.agreement import Share
from cases.queries.queues import desk_of
from cases.queries.search import payments_with
from cases.queries.sight import sight_of
from scoring.decisioning import SEVERITY
from scoring.models import Label, Outcome, Policy, PolicyEvent, ShadowChange, ShadowFigures, ShadowRuleFigures
from scoring.queries_labels import Believed
from scoring.services.policy import IN_SHADOW
from scoring.services.shadow import CHANGES_KEPT, NOT_JUDGED, in_shadow_since

EXAMPLES = 20
# Of each kind of change, before more of the others are shown.
_EXAMPLES_OF_A_KIND = 5
DAY = timedelta(days=1)
_FLAGGED = (Outcome.REVIEW.value, Outcome.DECLINE.value)
# What was decided, what the version would have decided, and what that is called; the most telling first.
_KINDS = (
    (Outcome.APPROVE, Outcome.DECLINE, "Declined instead of approved"),
    (Outcome.APPROVE, Outcome.REVIEW, "To review instead of approved"),
    (Outcome.REVIEW, Outcome.DECLINE, "Declined instead of reviewed"),
    (Outcome.REVIEW, Outcome.APPROVE, "Approved instead of reviewed"),
    (Outcome.DECLINE, Outcome.APPROVE, "Approved instead of declined"),
    (Outcome.DECLINE, Outcome.REVIEW, "To review instead of declined"),
)


@dataclass(frozen=True)
class Cell:
    """Payments that were decided one way and would have been another (or the same); amounts by currency."""

    outcome: str
    shadow_outcome: str
    payments: int = 0
    amounts: tuple[tuple[str, Decimal], ...] = ()

    @property
    def is_same(self) -> bool:
        return self.outcome == self.shadow_outcome


@dataclass(frozen=True)
class Kind:
    """A kind of change: all payments of it, and of those still kept the labels, with amounts by currency."""

    words: str
    is_stricter: bool
    cell: Cell
    frauds: int = 0
    legitimate: int = 0
    fraud_amounts: tuple[tuple[str, Decimal], ...] = ()
    legitimate_amounts: tuple[tuple[str, Decimal], ...] = ()

    @property
    def fraud_share(self) -> Share:
        """Of those with a label."""
        return Share(self.frauds, self.frauds + self.legitimate)


@dataclass(frozen=True)
class RuleRow:
    """A rule of the version: how often it was met, and could not be computed."""

    code: str
    name: str
    hits: int
    hits_a_day: float | None
    failures: int


@dataclass(frozen=True)
class Shadow:
    """`until` is empty while it is tried. A figure a day is None before the first day is over."""

    since: datetime
    until: datetime | None
    lasted: timedelta
    payments: int
    not_judged: int
    matrix: list[list[Cell]]
    alerts: int
    live_alerts: int
    kinds: list[Kind]
    rules: list[RuleRow]
    kept: int | None
    may_see_payments: bool
    examples: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_young(self) -> bool:
        return self.lasted < DAY

    @property
    def changed(self) -> int:
        return sum(cell.payments for row in self.matrix for cell in row if not cell.is_same)

    @property
    def alerts_a_day(self) -> float | None:
        return _a_day(self.alerts, self.lasted)

    @property
    def live_alerts_a_day(self) -> float | None:
        return _a_day(self.live_alerts, self.lasted)

    @property
    def failures(self) -> int:
        return sum(rule.failures for rule in self.rules)


@dataclass(frozen=True)
class _Change:
    """A kept payment that would have been decided otherwise; `label` is empty where nobody said anything."""

    decision_id: int
    outcome: str
    shadow_outcome: str
    label: str
    currency: str
    amount: Decimal

    @property
    def cell(self) -> tuple[str, str]:
        return self.outcome, self.shadow_outcome


def shadow_of(policy: Policy, *, user: User, now: datetime) -> Shadow | None:
    """What is known of a version on live payments by now; None for one that was never tried on any.

    Examples are shown to who may see cases. The number of queries does not depend on how much there is.
    """
    cells = _cells(policy)
    if policy.status not in IN_SHADOW and not cells:
        return None
    since, until = in_shadow_since(policy), _until(policy)
    lasted = max((until or now) - since, timedelta(0))
    changes = _changes(policy)
    rules, not_judged = _rules(policy, lasted)
    may_see = user.has_perm("cases.view_case")
    return Shadow(
        since=since,
        until=until,
        lasted=lasted,
        payments=sum(cell.payments for cell in cells.values()),
        not_judged=not_judged,
        matrix=[[cells.get((was, would), Cell(was, would)) for would in Outcome.values] for was in Outcome.values],
        alerts=sum(cell.payments for cell in cells.values() if cell.shadow_outcome in _FLAGGED),
        live_alerts=sum(cell.payments for cell in cells.values() if cell.outcome in _FLAGGED),
        kinds=_kinds(cells, changes),
        rules=rules,
        kept=len(changes) if len(changes) >= CHANGES_KEPT else None,
        may_see_payments=may_see,
        examples=_examples(changes, user) if may_see and changes else [],
    )


def _a_day(count: int, lasted: timedelta) -> float | None:
    return count / (lasted / DAY) if lasted >= DAY else None


def _until(policy: Policy) -> datetime | None:
    """When it left the shadow: it was published, sent back or given up."""
    if policy.status in IN_SHADOW:
        return None
    left = (PolicyEvent.Action.PUBLISHED, PolicyEvent.Action.RETURNED, PolicyEvent.Action.DISCARDED)
    event = policy.events.filter(action__in=left).order_by("happened_at").first()
    return event.happened_at if event else policy.published_at or policy.retired_at


def _cells(policy: Policy) -> dict[tuple[str, str], Cell]:
    rows = ShadowFigures.objects.filter(policy=policy).values_list("outcome", "shadow_outcome", "currency")
    payments: Counter[tuple[str, str]] = Counter()
    amounts: defaultdict[tuple[str, str], list[tuple[str, Decimal]]] = defaultdict(list)
    for was, would, currency, count, amount in rows.annotate(Sum("payments"), Sum("amount")).order_by("currency"):
        payments[was, would] += count
        amounts[was, would].append((currency, amount))
    return {cell: Cell(*cell, count, tuple(amounts[cell])) for cell, count in payments.items()}


def _changes(policy: Policy) -> list[_Change]:
    """Those that are kept, newest first, with what is believed of them."""
    said = Believed(decision="decision_id")
    rows = ShadowChange.objects.filter(policy=policy).annotate(said=said).order_by("-decision_id")
    columns = ("decision_id", "decision__outcome", "outcome", "said", "decision__currency", "decision__amount")
    return [
        _Change(decision_id, was, would, label or "", currency, amount)
        for decision_id, was, would, label, currency, amount in rows.values_list(*columns)[:CHANGES_KEPT]
    ]


def _kinds(cells: dict[tuple[str, str], Cell], changes: Iterable[_Change]) -> list[Kind]:
    labelled: defaultdict[tuple[str, str, str], list[_Change]] = defaultdict(list)
    for change in changes:
        if change.label:
            labelled[(*change.cell, change.label)].append(change)
    kinds = []
    for was, would, said in _KINDS:
        if cell := cells.get((was.value, would.value)):
            frauds, legitimate = (labelled[was.value, would.value, label.value] for label in Label.Truth)
            kinds.append(
                Kind(
                    said, SEVERITY[would.value] > SEVERITY[was.value], cell, len(frauds), len(legitimate),
                    _amounts(frauds), _amounts(legitimate),
                )
            )  # fmt: skip
    return kinds


def _amounts(changes: Sequence[_Change]) -> tuple[tuple[str, Decimal], ...]:
    sums: dict[str, Decimal] = {}
    for change in changes:
        sums[change.currency] = sums.get(change.currency, Decimal(0)) + change.amount
    return tuple(sorted(sums.items()))


def _rules(policy: Policy, lasted: timedelta) -> tuple[list[RuleRow], int]:
    """The rules that are asked, those met most first; and how many payments the version could not judge at all."""
    found = ShadowRuleFigures.objects.filter(policy=policy).order_by().values_list("code")
    counts = {code: (hits, failures) for code, hits, failures in found.annotate(Sum("hits"), Sum("failures"))}
    _, not_judged = counts.pop(NOT_JUDGED, (0, 0))
    rules = policy.rules.filter(Q(is_enabled=True) | Q(code__in=list(counts))).values_list("code", "name", "words")
    rows = []
    for code, name, words in rules:
        hits, failures = counts.get(code, (0, 0))
        rows.append(RuleRow(code, name or words, hits, _a_day(hits, lasted), failures))
    return sorted(rows, key=lambda row: (-row.hits, row.code)), not_judged


def _examples(changes: Sequence[_Change], user: User) -> list[dict[str, Any]]:
    """Payments of each kind, labelled ones before others and newest first, as the console shows payments."""
    ranked = sorted(changes, key=lambda change: not change.label)
    taken: Counter[tuple[str, str]] = Counter()
    first: list[_Change] = []
    rest: list[_Change] = []
    for change in ranked:
        taken[change.cell] += 1
        (first if taken[change.cell] <= _EXAMPLES_OF_A_KIND else rest).append(change)
    order = {(was.value, would.value): place for place, (was, would, _) in enumerate(_KINDS)}
    shown = sorted((first + rest)[:EXAMPLES], key=lambda change: order[change.cell])
    payments = payments_with([change.decision_id for change in shown], desk=desk_of(user))
    sight_of(user).mask_rows(payments)
    return [
        {**payment, "shadow_outcome": change.shadow_outcome} for payment, change in zip(payments, shown, strict=True)
    ]
