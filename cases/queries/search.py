"""Payments by a name and filters, newest first: a page of them, or the ids of all."""

import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import Exists, IntegerField, OuterRef, Q, QuerySet, Value
from psycopg.errors import QueryCanceled

from cases.queries.queues import Desk, case_columns
from cases.queries.related import with_label
from cases.search import FLAGGED, UNLABELLED, Position, Search, meaning_words, unknown_words
from scoring.models import Decision, Label, Outcome
from scoring.queries_labels import Believed
from scoring.transaction import canonical_address

PAGE_ROWS = 50
_PAGE_MILLISECONDS = 2_000
_NAMED = [
    ("a transaction", "transaction_id"),
    ("a card", "card_id"),
    ("a customer", "customer_id"),
    ("a merchant", "merchant_id"),
    ("a device", "device_id"),
]
COLUMNS = [
    "id",
    "transaction_id",
    "occurred_at",
    "amount",
    "currency",
    "card_id",
    "customer_id",
    "merchant_id",
    "merchant_name",
    "merchant_category",
    "device_id",
    "ip_address",
    "outcome",
    "score",
    "label",
    "label_source",
    "case_id",
    "case_status",
    "case_verdict",
]


class SearchTooSlowError(Exception):
    """The search would read too much of the record; it was given up."""


@dataclass(frozen=True)
class FoundPayments:
    """A page of payments (COLUMNS by name); what the name was understood as, or why nothing has it."""

    payments: list[dict[str, Any]]
    meaning: str
    hint: str
    older: Position | None
    newer: Position | None


def found_payments(search: Search, *, desk: Desk) -> FoundPayments:
    """The newest 50 payments, or the 50 before or after a position.

    Raises:
        SearchTooSlowError: a query took two seconds.
    """
    with _at_most(_PAGE_MILLISECONDS):
        kinds, ids = _matching(search, limit=PAGE_ROWS + 1)
        payments = payments_with(ids[:PAGE_ROWS], desk=desk)
    has_more = len(ids) > PAGE_ROWS
    if search.after:
        payments.reverse()
    has_older = bool(search.after) or has_more
    has_newer = has_more if search.after else bool(search.before)
    return FoundPayments(
        payments=payments,
        meaning=meaning_words(kinds) if kinds else "",
        hint=unknown_words(search.text) if search.text and not kinds else "",
        older=_position(payments[-1]) if payments and has_older else None,
        newer=_position(payments[0]) if payments and has_newer else None,
    )


def matching_ids(search: Search, *, limit: int, milliseconds: int) -> list[int]:
    """Ids of the newest payments that fit, newest first.

    Raises:
        SearchTooSlowError: a query took so many milliseconds.
    """
    with _at_most(milliseconds):
        return _matching(search, limit=limit)[1]


def payments_with(ids: Sequence[int], *, desk: Desk) -> list[dict[str, Any]]:
    """The payments' COLUMNS by name, in the order of the ids; no label and no case are empty texts."""
    found = with_label(Decision.objects.filter(id__in=ids)).annotate(**case_columns(desk))
    rows = {row["id"]: row for row in found.values(*COLUMNS)}
    for row in rows.values():
        row.update({name: row[name] or "" for name in ("label", "label_source", "case_status", "case_verdict")})
    return [rows[decision_id] for decision_id in ids]


@contextmanager
def _at_most(milliseconds: int) -> Iterator[None]:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise SearchTooSlowError from error
        raise


def _matching(search: Search, *, limit: int) -> tuple[tuple[str, ...], list[int]]:
    """What the name is, and the ids: newest first, or after a position oldest first."""
    meanings = _meanings_in_use(search.text) if search.text else [("", "", "")]
    kinds = tuple(dict.fromkeys(kind for kind, _, _ in meanings if kind))
    if not meanings:
        return kinds, []
    sign = "" if search.after else "-"
    order = (f"{sign}occurred_at", f"{sign}id")
    fitting = _filtered(search).order_by(*order)
    # Each meaning by its own index, and no more of it than is shown: one OR would read and sort all of both.
    parts = [
        # Ordered by the name as well, for whose range see `entities._payments_of`.
        fitting.filter(_is_named(column, name)).order_by(*([f"{sign}{column}"] if column else []), *order)
        .values("id")[:limit]
        for _, column, name in meanings
    ]  # fmt: skip
    all_parts = Decision.objects.filter(id__in=parts[0].union(*parts[1:])).order_by(*order).values("id")
    found = parts[0] if len(parts) == 1 else all_parts[:limit]
    return kinds, [row["id"] for row in found]


def _is_named(column: str, name: str) -> Q:
    return Q(**{f"{column}__gte": name, f"{column}__lte": name}) if column else Q()


def _meanings_in_use(text: str) -> list[tuple[str, str, str]]:
    """The kinds of things that have this name, with the column and the value that find their payments."""
    meanings = [(kind, column, text) for kind, column in _NAMED]
    meanings += [("an IP address", "ip_address", address) for address in _addresses(text)]
    parts = [
        Decision.objects.filter(**{column: name}).values_list(Value(number, IntegerField()))[:1]
        for number, (_, column, name) in enumerate(meanings)
    ]
    return [meanings[number] for (number,) in sorted(parts[0].union(*parts[1:]))]


def _addresses(text: str) -> list[str]:
    """The ways an address is kept: one of IPv4 may have been sent as `::ffff:192.0.2.1`. Empty for other texts."""
    try:
        address = ipaddress.ip_address(canonical_address(text))
    except ValueError:
        return []
    if isinstance(address, ipaddress.IPv4Address):
        return [str(address), f"::ffff:{address}"]
    return [] if address.scope_id else [str(address)]


def _filtered(search: Search) -> QuerySet[Decision]:
    wanted = {
        "amount__gte": search.amount_from,
        "amount__lte": search.amount_to,
        "currency": search.currency or None,
        "occurred_at__gte": search.since,
        "occurred_at__lt": search.until,
        "outcome__in": _OUTCOMES.get(search.outcome),
    }
    found = Decision.objects.filter(**{name: value for name, value in wanted.items() if value is not None})
    return _labelled(_paged(found, search), search.label)


_OUTCOMES = {
    FLAGGED: [Outcome.REVIEW.value, Outcome.DECLINE.value],
    **{outcome.value: [outcome.value] for outcome in Outcome},
}


def _paged(found: QuerySet[Decision], search: Search) -> QuerySet[Decision]:
    # The plain bound beside the exact one is what an index begins at.
    if search.before:
        at, last = search.before.occurred_at, search.before.decision_id
        found = found.filter(Q(occurred_at__lt=at) | Q(id__lt=last), occurred_at__lte=at)
    if search.after:
        at, last = search.after.occurred_at, search.after.decision_id
        found = found.filter(Q(occurred_at__gt=at) | Q(id__gt=last), occurred_at__gte=at)
    return found


def _labelled(found: QuerySet[Decision], label: str) -> QuerySet[Decision]:
    if not label:
        return found
    found = found.annotate(believed=Believed())
    if label == UNLABELLED:
        return found.filter(believed=None)
    # What nobody ever said is not believed: few payments need the longer look.
    return found.filter(Exists(Label.objects.filter(decision=OuterRef("pk"), label=label)), believed=label)


def _position(payment: dict[str, Any]) -> Position:
    return Position(payment["occurred_at"], payment["id"])
