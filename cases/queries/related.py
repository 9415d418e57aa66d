"""Payments of other cards that share a device, an address or a merchant with this one."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from cases import words
from cases.entity import COLUMNS, Entity
from cases.queries.queues import Desk
from scoring.models import Decision
from scoring.queries_labels import EVER, NOW, Believed, believed, just_before

MAX_ROWS = 8
TIES = {"device": "Same device", "ip": "Same IP address", "merchant": "Same merchant"}
# A busy merchant has thousands of payments an hour; older ones tell little and cost a scan.
LOOK_BACK = 500


@dataclass(frozen=True)
class RelatedPayment:
    """One payment of another card; of its card the one that tells most, and how many there are."""

    card_id: str
    amount: Decimal
    currency: str
    occurred_at: datetime
    outcome: str
    label: str
    label_source: str
    case_id: UUID | None
    case_status: str
    case_verdict: str
    count: int = 1


@dataclass(frozen=True)
class Related:
    """One shared thing: a summary in words, a payment of each card worth a look, and whether there are more."""

    entity: Entity
    title: str
    summary: str
    payments: list[RelatedPayment]
    has_more: bool = False


def with_label(decisions: QuerySet[Decision], *, as_of: datetime | None = None) -> QuerySet[Decision]:
    """Add the label believed and its source; `as_of` leaves out what was not known before that moment."""
    moment = None if as_of is None else just_before(as_of)
    return decisions.annotate(label=Believed("label", as_of=moment), label_source=Believed("source", as_of=moment))


# A range of one value, ordered by the column: of `=` PostgreSQL may walk the index on time alone, past all others.
_NEWEST = """
(SELECT '{kind}' AS kind, id, card_id, amount, currency, occurred_at, outcome FROM scoring_decision
 WHERE {column} >= %s AND {column} <= %s AND occurred_at < %s AND decided_at < %s
 ORDER BY {column} DESC, occurred_at DESC LIMIT {look_back})
"""
# Counted and ranked where the rows are: five hundred of a busy shop would cost more to fetch than to count.
_RELATED = f"""
WITH newest AS ({{newest}}), told AS MATERIALIZED (
  SELECT newest.*, label.label, label.source, CASE WHEN newest.outcome <> 'approve' THEN (
      SELECT alert.case_id FROM cases_alert AS alert WHERE alert.decision_id = newest.id
    ) END AS case_id
  FROM newest
  LEFT JOIN LATERAL ({believed("label.decision_id = newest.id", f"coalesce(%s, {NOW})")}) AS label ON true
  WHERE newest.card_id <> %s
), sums AS (
  SELECT kind, count(DISTINCT card_id) AS cards, count(DISTINCT card_id) FILTER (WHERE label = 'fraud') AS fraud
  FROM told GROUP BY kind
), telling AS (
  -- Everybody pays at a large shop: only what was flagged or labelled there means something.
  SELECT *, CASE WHEN label = 'fraud' THEN 0 WHEN label IS NOT NULL THEN 1 WHEN case_id IS NOT NULL THEN 2 ELSE 3 END
    AS rank
  FROM told WHERE kind <> 'merchant' OR label IS NOT NULL OR case_id IS NOT NULL
), best AS (
  SELECT *, row_number() OVER (PARTITION BY kind, card_id ORDER BY rank, occurred_at DESC) AS of_card,
    count(*) OVER (PARTITION BY kind, card_id) AS of_its, count(*) OVER (PARTITION BY kind) AS payments
  FROM telling
), placed AS (
  SELECT *, row_number() OVER (PARTITION BY kind ORDER BY rank, occurred_at DESC) AS place FROM best WHERE of_card = 1
)
SELECT sums.kind, sums.cards, sums.fraud, placed.payments, placed.card_id, placed.amount, placed.currency,
  placed.occurred_at, placed.outcome, placed.label, placed.source, held.id, held.status, held.verdict,
  placed.of_its
FROM sums LEFT JOIN placed ON placed.kind = sums.kind AND placed.place <= {{most}}
LEFT JOIN LATERAL (
  SELECT known.id, CASE WHEN known.decided_at >= %s THEN 'open' ELSE known.status END AS status,
    CASE WHEN known.decided_at >= %s THEN '' ELSE known.verdict END AS verdict FROM cases_case AS known
  WHERE known.id = placed.case_id AND (%s OR known.queue_id IS NULL OR known.queue_id = ANY(%s)) LIMIT 1
) AS held ON true
ORDER BY sums.kind, placed.place
"""  # noqa: S608 - constants only


@dataclass(frozen=True)
class _Tied:
    cards: int
    fraud: int
    payments: int
    best: list[RelatedPayment]


def related_to(decision: Decision, *, desk: Desk, as_of: datetime | None = None) -> list[Related]:
    """At most 8 other cards by device, address and merchant; each card stands under its closest tie. One query.

    With `as_of`, as they stood before that moment.
    """
    names = {kind: name for kind in TIES if (name := getattr(decision, COLUMNS[kind]))}
    tied = _tied(names, besides=decision.card_id, desk=desk, as_of=as_of)
    found, listed = [], {decision.card_id}
    for kind, name in names.items():
        tie = tied.get(kind, _Tied(0, 0, 0, []))
        new = [payment for payment in tie.best if payment.card_id not in listed][:MAX_ROWS]
        summary = summary_words(tie.cards, tie.fraud) + ("; listed above" if tie.best and not new else "")
        has_more = tie.payments > len(new)
        found.append(Related(Entity(kind, name), TIES[kind], summary, new, has_more=has_more))
        listed.update(payment.card_id for payment in new)
    return found


def _tied(names: dict[str, str], *, besides: str, desk: Desk, as_of: datetime | None) -> dict[str, _Tied]:
    """The cards that tell most by kind; as many more as may stand under a closer tie already."""
    parts = [_NEWEST.format(kind=kind, column=COLUMNS[kind], look_back=LOOK_BACK) for kind in names]
    before = as_of or EVER
    parameters = [each for name in names.values() for each in (name, name, before, before)]
    query = _RELATED.format(newest=" UNION ALL ".join(parts), most=MAX_ROWS * len(TIES))
    tied: dict[str, _Tied] = {}
    with connection.cursor() as cursor:
        known = None if as_of is None else just_before(as_of)
        cursor.execute(query, [*parameters, known, besides, before, before, desk.sees_all, list(desk.seen)])
        for kind, cards, fraud, payments, *row in cursor.fetchall():
            tie = tied.setdefault(kind, _Tied(cards, fraud, payments or 0, []))
            if row[0] is not None:
                tie.best.append(_payment(row))
    return tied


def _payment(row: list[Any]) -> RelatedPayment:
    card_id, amount, currency, occurred_at, outcome, label, source, case_id, status, verdict, count = row
    return RelatedPayment(
        card_id=card_id,
        amount=amount,
        currency=currency,
        occurred_at=occurred_at,
        outcome=outcome,
        label=label or "",
        label_source=source or "",
        case_id=case_id,
        case_status=status or "",
        case_verdict=verdict or "",
        count=count,
    )


def summary_words(cards: int, fraud: int) -> str:
    return f"{words.count(cards, 'other card')}, {fraud or 'none'} with confirmed fraud" if cards else "no other card"
