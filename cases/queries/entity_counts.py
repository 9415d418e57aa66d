"""What the newest payments of a card, merchant, device ... add up to, and whom they were made with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from cases import profile, words
from cases.entity import COLUMNS, Entity
from scoring.models import ListEntry
from scoring.queries_labels import believed_of

# What is counted of a busy merchant: 20,000 take 300 ms, three times what a page may, and 5,000 all of it.
MAX_COUNTED = 4_000
MAX_NEIGHBOURS = 8
# A neighbour's own frauds are looked for among as many of its newest payments.
NEIGHBOUR_PAYMENTS = 300
_MAX_CASES_LOOKED_AT = 500
_LABEL = believed_of("decision.id")


@dataclass(frozen=True)
class Neighbour:
    """Somebody in the same payments: how many these are, how many fraud, and frauds of its own with anybody."""

    entity: Entity
    payments: int
    fraud: int
    label: str = ""
    own_fraud: int = 0


@dataclass(frozen=True)
class Neighbours:
    kind: str
    title: str
    total: int
    shown: list[Neighbour]


@dataclass(frozen=True)
class Counted:
    """What a look at the newest payments of the 30 days gave."""

    groups: list[profile.Group]
    neighbours: list[Neighbours]
    case_ids: list[UUID]


# One look at the payments for everything that is counted: a second one would double the time of the page.
_COUNT = """
WITH counted AS MATERIALIZED (
  SELECT (decision.occurred_at AT TIME ZONE 'UTC')::date AS day, decision.amount, decision.currency, decision.outcome,
    decision.card_id, decision.customer_id, decision.merchant_id, decision.device_id, decision.ip_address,
    decision.id <> ALL(%(unsaid)s) AND coalesce({label} = 'fraud', false) AS is_fraud,
    CASE WHEN decision.outcome <> 'approve' THEN (
      SELECT alert.case_id FROM cases_alert AS alert WHERE alert.decision_id = decision.id
    ) END AS case_id
  FROM scoring_decision AS decision
  WHERE decision.{column} >= %(name)s AND decision.{column} <= %(name)s AND decision.occurred_at >= %(since)s
  ORDER BY decision.{column} DESC, decision.occurred_at DESC LIMIT %(limit)s
), sums AS (
  SELECT CASE 0 WHEN grouping(day) THEN 'day' WHEN grouping(case_id) THEN 'case' WHEN grouping(card_id) THEN 'card'
      WHEN grouping(customer_id) THEN 'customer' WHEN grouping(merchant_id) THEN 'merchant'
      WHEN grouping(device_id) THEN 'device' ELSE 'ip' END AS what,
    day, currency, outcome, is_fraud,
    coalesce(case_id::text, card_id, customer_id, merchant_id, device_id, host(ip_address), '') AS name,
    count(*) AS payments, sum(amount) AS amount, count(*) FILTER (WHERE is_fraud) AS fraud
  FROM counted
  GROUP BY GROUPING SETS (
    (day, currency, outcome, is_fraud), (case_id), (card_id), (customer_id), (merchant_id), (device_id), (ip_address)
  )
), placed AS (
  SELECT *, count(*) OVER (PARTITION BY what) AS total,
    row_number() OVER (PARTITION BY what ORDER BY fraud DESC, payments DESC, name) AS place
  FROM sums WHERE what = 'day' OR name <> ''
)
SELECT what, day, currency, outcome, is_fraud, name, payments, amount, fraud, total FROM placed
WHERE what = 'day' OR place <= CASE what WHEN 'case' THEN %(cases)s ELSE %(neighbours)s END
ORDER BY what, place
"""


def count_newest(entity: Entity, *, since: datetime, unsaid: Sequence[int] = ()) -> Counted:
    """Of payments `unsaid` (ids of decisions) the labels do not count."""
    parameters: dict[str, Any] = {
        "unsaid": list(unsaid),
        "name": entity.name,
        "since": since,
        "limit": MAX_COUNTED,
        "cases": _MAX_CASES_LOOKED_AT,
        "neighbours": MAX_NEIGHBOURS,
    }
    groups: list[profile.Group] = []
    case_ids: list[UUID] = []
    totals: dict[str, int] = {}
    found: dict[str, list[Neighbour]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT.format(column=COLUMNS[entity.kind], label=_LABEL), parameters)
        for what, day, currency, outcome, is_fraud, name, payments, amount, fraud, total in cursor.fetchall():
            if what == "day":
                groups.append(profile.Group(day, currency, outcome, is_fraud, payments, amount))
            elif what == "case":
                case_ids.append(UUID(name))
            elif what != entity.kind:
                totals[what] = total
                found.setdefault(what, []).append(Neighbour(Entity(what, name), payments, fraud))
    known = _known_of([one.entity for some in found.values() for one in some], since=since, unsaid=unsaid)
    neighbours = [
        Neighbours(kind, words.ENTITIES_PLURAL[kind], totals[kind], _ranked(found[kind], known))
        for kind in COLUMNS
        if kind in found
    ]
    return Counted(groups, neighbours, case_ids)


def _ranked(found: Sequence[Neighbour], known: dict[Entity, tuple[int, str]]) -> list[Neighbour]:
    """With what is known of each, those with fraud of any kind first."""
    told = [replace(one, own_fraud=known[one.entity][0], label=known[one.entity][1]) for one in found]
    return sorted(told, key=lambda one: (-one.fraud, -one.own_fraud, -one.payments))


# The condition beside the range is the index's own: PostgreSQL cannot see that a joined value fulfils it.
_KNOWN = """
SELECT %s, wanted.name, count(*) FILTER (WHERE newest.is_fraud), coalesce(max(newest.merchant_name), '')
FROM unnest(%s::text[]) AS wanted (name) CROSS JOIN LATERAL (
  SELECT decision.merchant_name,
    decision.id <> ALL(%s) AND coalesce({label} = 'fraud', false) AS is_fraud
  FROM scoring_decision AS decision
  WHERE decision.{column} >= wanted.name{cast} AND decision.{column} <= wanted.name{cast} AND {condition}
    AND decision.occurred_at >= %s
  ORDER BY decision.{column} DESC, decision.occurred_at DESC LIMIT %s
) AS newest GROUP BY wanted.name
"""


def _known_of(entities: Sequence[Entity], *, since: datetime, unsaid: Sequence[int]) -> dict[Entity, tuple[int, str]]:
    """Confirmed frauds of each among its newest payments since then, and a merchant's name. One query."""
    parts: list[str] = []
    parameters: list[Any] = []
    for kind, column in COLUMNS.items():
        names = [entity.name for entity in entities if entity.kind == kind]
        if names:
            is_address = kind == ListEntry.Entity.IP
            condition = "decision.ip_address IS NOT NULL" if is_address else f"decision.{column} <> ''"
            parts.append(
                _KNOWN.format(column=column, cast="::inet" if is_address else "", condition=condition, label=_LABEL)
            )
            parameters += [kind, names, list(unsaid), since, NEIGHBOUR_PAYMENTS]
    if not parts:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), parameters)
        return {
            Entity(kind, name): (fraud, label if kind == ListEntry.Entity.MERCHANT else "")
            for kind, name, fraud, label in cursor.fetchall()
        }
