"""What happened to a case: events, and labels that came for its payments, newest first and page by page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Max, Min, Q, QuerySet

from cases import money, words
from cases.models import Case, CaseEvent
from scoring.models import ApiKey, Label

PAGE = 30
_TITLES = {CaseEvent.Kind.ATTACHED: "File", CaseEvent.Kind.TAGGED: "Tag", CaseEvent.Kind.WOKEN: "Awake"}
_POSITION = re.compile(r"([0-9-]{10}T[0-9:]{8}\.[0-9]{6})Z_([el])([0-9]{1,18})")
# Of an event and a label at one moment the event is the newer.
_EVENT, _LABEL = "e", "l"


class UnknownPositionError(Exception):
    """The address names no place in a history."""


@dataclass(frozen=True)
class Entry:
    """One thing that happened: `actor` is empty for what the clock or the payment system did."""

    at: datetime
    title: str
    actor: User | None
    text: str
    source: str
    number: int
    # The name of the key by which a program did it in the actor's name.
    by_key: str = ""

    @property
    def position(self) -> str:
        return f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z_{self.source}{self.number}"


@dataclass(frozen=True)
class Looker:
    """Who looked at the case, how often, and when; looks within ten minutes are one."""

    name: str
    times: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class History:
    """A page of it. `older` is the place to go on from, empty at the end; `lookers` stand on the first page."""

    entries: list[Entry]
    lookers: list[Looker]
    older: str


def history_of(case: Case, *, before: str = "", limit: int = PAGE) -> History:
    """At most `limit` entries older than the place `before` names.

    Raises:
        UnknownPositionError: it names none.
    """
    events = CaseEvent.objects.filter(case=case).exclude(kind=CaseEvent.Kind.VIEWED)
    labels = _labels_for(case)
    if before:
        at, source, number = _parse(before)
        events = events.filter(_older("happened_at", at, number if source == _EVENT else None, is_after=False))
        labels = labels.filter(_older("created_at", at, number if source == _LABEL else None, is_after=True))
    found = [
        *(
            event_entry(event)
            for event in events.select_related("actor", "api_key").order_by("-happened_at", "-id")[: limit + 1]
        ),
        *(_label_entry(label) for label in labels.order_by("-created_at", "-id")[: limit + 1]),
    ]
    found.sort(key=lambda entry: (entry.at, entry.source == _EVENT, entry.number), reverse=True)
    page = found[:limit]
    return History(
        entries=page,
        lookers=[] if before else lookers_of(case),
        older=page[-1].position if len(found) > limit else "",
    )


def lookers_of(case: Case, *, by: User | None = None, since: datetime | None = None) -> list[Looker]:
    """Who looked, the last one first; with `by` and `since` only this person, from then on."""
    looked = CaseEvent.objects.filter(case=case, kind=CaseEvent.Kind.VIEWED)
    if by is not None:
        looked = looked.filter(actor=by)
    if since is not None:
        looked = looked.filter(happened_at__gte=since)
    looks = looked.values("actor__username", "actor__first_name", "actor__last_name")
    rows = looks.annotate(times=Count("id"), first=Min("happened_at"), last=Max("happened_at")).order_by("-last")
    return [Looker(_name(row), row["times"], row["first"], row["last"]) for row in rows]


def all_events_of(case: Case, *, limit: int) -> list[Entry]:
    """Every event, views one by one, oldest first: for a printed record."""
    events = CaseEvent.objects.filter(case=case).select_related("actor", "api_key").order_by("happened_at", "id")
    return [event_entry(event) for event in events[:limit]]


def _labels_for(case: Case) -> QuerySet[Label]:
    """What others said about the payments; an analyst's labels are in the event of the verdict."""
    labels = Label.objects.filter(decision__alert__case=case).exclude(source=Label.Source.ANALYST)
    return labels.select_related("decision", "author", "api_key").defer("decision__features", "decision__record")


def _older(field: str, at: datetime, number: int | None, *, is_after: bool) -> Q:
    """Rows before the place; of the other kind at the same moment only if that kind comes after."""
    older = Q(**{f"{field}__lt": at})
    if number is not None:
        return older | Q(**{field: at, "id__lt": number})
    return older | Q(**{field: at}) if is_after else older


def _parse(position: str) -> tuple[datetime, str, int]:
    matched = _POSITION.fullmatch(position)
    try:
        if matched is None:
            raise UnknownPositionError(position)
        return datetime.fromisoformat(f"{matched[1]}+00:00"), matched[2], int(matched[3])
    except ValueError as error:
        raise UnknownPositionError(position) from error


def event_entry(event: CaseEvent) -> Entry:
    title = _TITLES.get(CaseEvent.Kind(event.kind), event.get_kind_display())
    return Entry(event.happened_at, title, event.actor, event.text, _EVENT, event.id, key_name(event.api_key))


def key_name(key: ApiKey | None) -> str:
    """Of the key a program acted by; empty where none did."""
    return "" if key is None else key.name


def _label_entry(label: Label) -> Entry:
    decision = label.decision
    amount = f"{money.shown(decision.amount, decision.currency)} {decision.currency}"
    said = f"{label.label}, says {label.get_source_display().lower()}{f', code {label.reason}' if label.reason else ''}"
    text = f"{said}: {amount} at {decision.merchant_name or decision.merchant_id}"
    return Entry(label.created_at, "Label", label.author, text, _LABEL, label.id, key_name(label.api_key))


def _name(row: Mapping[str, Any]) -> str:
    names = {field: row[f"actor__{field}"] for field in ("username", "first_name", "last_name")}
    return words.person(User(**names))
