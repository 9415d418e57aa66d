"""Who a card, customer, merchant, device or address is and what it did, in a fixed number of queries."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, QuerySet

from cases import daily, profile, words
from cases.models import Case
from cases.queries.related import with_label
from scoring.models import Decision, ListChange, ListEntry
from scoring.transaction import canonical_address

COLUMNS = {
    "card": "card_id",
    "customer": "customer_id",
    "merchant": "merchant_id",
    "device": "device_id",
    "ip": "ip_address",
}
# What is counted of a busy merchant: 20,000 take 300 ms, three times what a page may, and 5,000 all of it.
MAX_COUNTED = 4_000
MAX_PAYMENTS = 50
MAX_CASES = 10
MAX_NEIGHBOURS = 8
# A neighbour's own frauds are looked for among as many of its newest payments.
NEIGHBOUR_PAYMENTS = 300
_MAX_CASES_LOOKED_AT = 500
_MAX_CHANGES = 20
_NAME = re.compile(r"[\x21-\x7e]{1,64}", re.ASCII)


class UnknownEntityError(Exception):
    """No payment and no list names it."""


@dataclass(frozen=True)
class Entity:
    """One card, customer, merchant, device or address, by the name that payments carry."""

    kind: str
    name: str

    @property
    def shown(self) -> str:
        return words.masked_card(self.name) if self.kind == ListEntry.Entity.CARD else self.name

    @property
    def list_value(self) -> str:
        """What stands on a list for it: payments keep `::ffff:192.0.2.7` as sent, lists know it as 192.0.2.7."""
        return canonical_address(self.name) if self.kind == ListEntry.Entity.IP else self.name

    @property
    def title(self) -> str:
        return words.ENTITIES.get(self.kind, "")

    @property
    def title_in_text(self) -> str:
        return self.title if self.kind == ListEntry.Entity.IP else self.title.lower()


def _payments_of(entity: Entity, order: str = "") -> QuerySet[Decision]:
    """Oldest first, or newest with the order `-`.

    A range of one value: of `=` PostgreSQL knows that ordering by the column is needless, may then walk the index on
    time alone, and for a large merchant that is new or gone meets a million payments of others first.
    """
    column = COLUMNS[entity.kind]
    payments = Decision.objects.filter(**{f"{column}__gte": entity.name, f"{column}__lte": entity.name})
    return payments.order_by(f"{order}{column}", f"{order}occurred_at")


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


@dataclass(frozen=True)
class EntityDetail:
    entity: Entity
    merchant_name: str
    merchant_category: str
    first_seen: datetime | None
    last_seen: datetime | None
    last_day: date
    is_current: bool
    entries: list[ListEntry]
    changes: list[ListChange]
    figures: profile.Figures
    counted_from: date | None
    chart: daily.Chart
    neighbours: list[Neighbours]
    payments: list[Decision]
    cases: list[Case]


def parse_entity(kind: str, name: str) -> Entity:
    """Read the parts of a page's address; an IP address is written the short way.

    Raises:
        UnknownEntityError: no payment could carry it.
    """
    if kind not in COLUMNS or not _NAME.fullmatch(name):
        raise UnknownEntityError(name)
    if kind == ListEntry.Entity.IP:
        try:
            name = str(ipaddress.ip_address(name))
        except ValueError as error:
            raise UnknownEntityError(name) from error
        if "%" in name:
            raise UnknownEntityError(name)
    return Entity(kind, name)


def entity_detail(entity: Entity, *, now: datetime) -> EntityDetail:
    """Everything the page shows; figures are of the 30 days up to now, or to the last payment if that is older.

    Raises:
        UnknownEntityError: no payment and no list names it.
    """
    payments = _latest_payments(entity)
    changes = list(_changes_of(entity))
    if not payments and not changes:
        raise UnknownEntityError(entity.name)
    last_seen = payments[0].occurred_at if payments else None
    last_day = _last_day(last_seen, now)
    first_day = last_day - timedelta(days=profile.DAYS - 1)
    counted = _count(entity, since=datetime.combine(first_day, time(), UTC))
    figures = profile.figures_of(counted.groups)
    counted_from = min(group.day for group in counted.groups) if figures.payments >= MAX_COUNTED else None
    days = profile.days_of(counted.groups, last=last_day, counted_from=counted_from or first_day)
    return EntityDetail(
        entity=entity,
        merchant_name=payments[0].merchant_name if payments and entity.kind == ListEntry.Entity.MERCHANT else "",
        merchant_category=payments[0].merchant_category if payments else "",
        first_seen=_first_seen(entity),
        last_seen=last_seen,
        last_day=last_day,
        is_current=last_day == now.astimezone(UTC).date(),
        entries=_entries_of(entity, now),
        changes=changes,
        figures=figures,
        counted_from=counted_from,
        chart=daily.draw(days),
        neighbours=counted.neighbours,
        payments=payments,
        cases=_cases(entity, counted.case_ids),
    )


def _last_day(last_seen: datetime | None, now: datetime) -> date:
    if last_seen is None or now - last_seen < timedelta(days=profile.DAYS - 1):
        return now.astimezone(UTC).date()
    return last_seen.astimezone(UTC).date()


def _latest_payments(entity: Entity) -> list[Decision]:
    newest = with_label(_payments_of(entity, "-").defer("features", "record", "reasons")).annotate(
        case_id=F("alert__case_id"),
        case_status=F("alert__case__status"),
        case_verdict=F("alert__case__verdict"),
    )
    return list(newest[:MAX_PAYMENTS])


def _first_seen(entity: Entity) -> datetime | None:
    return _payments_of(entity).values_list("occurred_at", flat=True).first()


def _entries_of(entity: Entity, now: datetime) -> list[ListEntry]:
    """What it stands on now, the block list first."""
    entries = ListEntry.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=now), entity=entity.kind, value=entity.list_value
    )
    return list(entries.select_related("author").order_by("-kind"))


def _changes_of(entity: Entity) -> QuerySet[ListChange]:
    changes = ListChange.objects.filter(entity=entity.kind, value=entity.list_value).select_related("author")
    return changes.order_by("-happened_at", "-id")[:_MAX_CHANGES]


def _cases(entity: Entity, case_ids: Sequence[UUID]) -> list[Case]:
    """Open ones first, then the newest; a card's are of all time, others' of the payments that were counted."""
    wanted = Q(card_id=entity.name) if entity.kind == ListEntry.Entity.CARD else Q(id__in=case_ids)
    return list(Case.objects.filter(wanted).order_by(F("decided_at").desc(nulls_first=True), "-opened_at")[:MAX_CASES])


# One look at the payments for everything that is counted: a second one would double the time of the page.
_COUNT = """
WITH counted AS MATERIALIZED (
  SELECT (decision.occurred_at AT TIME ZONE 'UTC')::date AS day, decision.amount, decision.currency, decision.outcome,
    decision.card_id, decision.customer_id, decision.merchant_id, decision.device_id, decision.ip_address,
    coalesce((
      SELECT label.label = 'fraud' FROM scoring_label AS label WHERE label.decision_id = decision.id
      ORDER BY label.known_at DESC, label.id DESC LIMIT 1
    ), false) AS is_fraud,
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


def _count(entity: Entity, *, since: datetime) -> Counted:
    parameters: dict[str, Any] = {
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
        cursor.execute(_COUNT.format(column=COLUMNS[entity.kind]), parameters)
        for what, day, currency, outcome, is_fraud, name, payments, amount, fraud, total in cursor.fetchall():
            if what == "day":
                groups.append(profile.Group(day, currency, outcome, is_fraud, payments, amount))
            elif what == "case":
                case_ids.append(UUID(name))
            elif what != entity.kind:
                totals[what] = total
                found.setdefault(what, []).append(Neighbour(Entity(what, name), payments, fraud))
    known = _known_of([one.entity for some in found.values() for one in some], since=since)
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
  SELECT decision.merchant_name, coalesce((
      SELECT label.label = 'fraud' FROM scoring_label AS label WHERE label.decision_id = decision.id
      ORDER BY label.known_at DESC, label.id DESC LIMIT 1
    ), false) AS is_fraud
  FROM scoring_decision AS decision
  WHERE decision.{column} >= wanted.name{cast} AND decision.{column} <= wanted.name{cast} AND {condition}
    AND decision.occurred_at >= %s
  ORDER BY decision.{column} DESC, decision.occurred_at DESC LIMIT %s
) AS newest GROUP BY wanted.name
"""


def _known_of(entities: Sequence[Entity], *, since: datetime) -> dict[Entity, tuple[int, str]]:
    """Confirmed frauds of each among its newest payments since then, and a merchant's name. One query."""
    parts: list[str] = []
    parameters: list[Any] = []
    for kind, column in COLUMNS.items():
        names = [entity.name for entity in entities if entity.kind == kind]
        if names:
            is_address = kind == ListEntry.Entity.IP
            condition = "decision.ip_address IS NOT NULL" if is_address else f"decision.{column} <> ''"
            parts.append(_KNOWN.format(column=column, cast="::inet" if is_address else "", condition=condition))
            parameters += [kind, names, since, NEIGHBOUR_PAYMENTS]
    if not parts:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), parameters)
        return {
            Entity(kind, name): (fraud, label if kind == ListEntry.Entity.MERCHANT else "")
            for kind, name, fraud, label in cursor.fetchall()
        }
