"""Who a card, customer, merchant, device or address is and what it did, in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db.models import F, Q, QuerySet

from cases import daily, profile
from cases.entity import COLUMNS, Entity, UnknownEntityError
from cases.models import Case
from cases.queries import entity_counts
from cases.queries.case_lists import entries_meeting
from cases.queries.queues import Desk, case_columns
from cases.queries.related import with_label
from scoring.models import Decision, ListChange, ListEntry

MAX_PAYMENTS = 50
MAX_CASES = 10
_MAX_CHANGES = 20


def _payments_of(entity: Entity, order: str = "") -> QuerySet[Decision]:
    """Oldest first, or newest with the order `-`.

    A range of one value: of `=` PostgreSQL knows that ordering by the column is needless, may then walk the index on
    time alone, and for a large merchant that is new or gone meets a million payments of others first.
    """
    column = COLUMNS[entity.kind]
    payments = Decision.objects.filter(**{f"{column}__gte": entity.name, f"{column}__lte": entity.name})
    return payments.order_by(f"{order}{column}", f"{order}occurred_at")


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
    neighbours: list[entity_counts.Neighbours]
    payments: list[Decision]
    cases: list[Case]


def entity_detail(entity: Entity, *, now: datetime, desk: Desk, unsaid: Sequence[int] = ()) -> EntityDetail:
    """Everything the page shows; figures are of the 30 days up to now, or to the last payment if that is older.

    The figures leave out what was said of payments `unsaid` (ids of decisions).

    Raises:
        UnknownEntityError: no payment and no list names it.
    """
    payments = _latest_payments(entity, desk)
    changes = list(_changes_of(entity))
    if not payments and not changes:
        raise UnknownEntityError(entity.name)
    last_seen = payments[0].occurred_at if payments else None
    last_day = _last_day(last_seen, now)
    first_day = last_day - timedelta(days=profile.DAYS - 1)
    counted = entity_counts.count_newest(entity, since=datetime.combine(first_day, time(), UTC), unsaid=unsaid)
    figures = profile.figures_of(counted.groups)
    counted_from = min(group.day for group in counted.groups) if figures.payments >= entity_counts.MAX_COUNTED else None
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
        cases=_cases(entity, counted.case_ids, desk),
    )


def _last_day(last_seen: datetime | None, now: datetime) -> date:
    if last_seen is None or now - last_seen < timedelta(days=profile.DAYS - 1):
        return now.astimezone(UTC).date()
    return last_seen.astimezone(UTC).date()


def _latest_payments(entity: Entity, desk: Desk) -> list[Decision]:
    newest = with_label(_payments_of(entity, "-").defer("features", "record", "reasons")).annotate(**case_columns(desk))
    return list(newest[:MAX_PAYMENTS])


def _first_seen(entity: Entity) -> datetime | None:
    return _payments_of(entity).values_list("occurred_at", flat=True).first()


def _entries_of(entity: Entity, now: datetime) -> list[ListEntry]:
    """What its next payment would meet, networks and prefixes too, the block list first."""
    return entries_meeting([entity], now=now)[entity]


def _changes_of(entity: Entity) -> QuerySet[ListChange]:
    changes = ListChange.objects.filter(entity=entity.kind, value=entity.list_value).select_related("author")
    return changes.order_by("-happened_at", "-id")[:_MAX_CHANGES]


def _cases(entity: Entity, case_ids: Sequence[UUID], desk: Desk) -> list[Case]:
    """Open ones first, then the newest: of all time for a card, for others of the payments that were counted."""
    wanted = Q(card_id=entity.name) if entity.kind == ListEntry.Entity.CARD else Q(id__in=case_ids)
    cases = Case.objects.filter(wanted, desk.visible()).exclude(status=Case.Status.MERGED)
    return list(cases.order_by(F("decided_at").desc(nulls_first=True), "-opened_at")[:MAX_CASES])
