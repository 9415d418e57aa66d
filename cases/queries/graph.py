"""Whom a case's card stands together with: what its payments carry, and other cards seen there."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from cases import connections, graph
from cases.connections import Found, Standing, Tie
from cases.entity import COLUMNS, Entity
from cases.models import Case
from cases.queries.queues import Desk
from scoring.models import Decision
from scoring.queries_labels import EVER, NOW, believed_of, just_before

DAYS = 30
# Sums to fewer than forty boxes, which a screen and an eye take in; the pages they lead to hold the rest.
_MOST = {"customer": 2, "device": 3, "ip": 3, "merchant": 3}
# Of a busy address or shop the newest payments only: older ones tell little and cost a scan.
_LOOK_BACK = 500
_MOST_PAYMENTS = 300
# Cards whose own record is looked at before the twelve that tell most are chosen.
_CANDIDATES = 60


@dataclass(frozen=True)
class CaseGraph:
    case: Case
    drawing: graph.Graph
    tied: int


def case_graph(case: Case, *, desk: Desk, as_of: datetime | None = None) -> CaseGraph:
    """The drawing for the payments of the case; four queries, however many these are.

    Cases of other cards are told of where `desk` sees them. With `as_of`, as it stood before that moment.
    """
    payments = _payments_of(case)
    used = {kind: Counter(payment[kind] for payment in payments if payment[kind]) for kind in _MOST}
    shown = {kind: [name for name, _ in _ranked(used[kind])[:most]] for kind, most in _MOST.items()}
    since = max(payment["occurred_at"] for payment in payments) - timedelta(days=DAYS)
    found = _ties({kind: names for kind, names in shown.items() if names}, since=since, as_of=as_of)
    ties = [tie for tie in found if tie.card_id != case.card_id and (tie.entity.kind != "merchant" or tie.fraud)]
    standings = _standings_of(_candidates(ties), desk=desk, since=since, as_of=as_of)
    names = {payment["merchant"]: payment["merchant_name"] for payment in payments}
    drawing = connections.draw(Found(case, used, shown, found, ties, standings, names), look_back=_LOOK_BACK)
    return CaseGraph(case, drawing, len({tie.card_id for tie in ties}))


def _payments_of(case: Case) -> list[dict[str, Any]]:
    fields = {kind: COLUMNS[kind] for kind in _MOST}
    newest = Decision.objects.filter(alert__case=case).order_by("-occurred_at", "-id")
    rows = newest.values("occurred_at", "merchant_name", *fields.values())[:_MOST_PAYMENTS]
    return [row | {kind: row[column] for kind, column in fields.items()} for row in rows]


def _ranked(names: Counter[str]) -> list[tuple[str, int]]:
    return sorted(names.items(), key=lambda item: (-item[1], item[0]))


_LABEL = believed_of("decision.id", f"coalesce(%s, {NOW})")
# The condition beside the range is the index's own: PostgreSQL cannot see that a joined value fulfils it.
_TIES = """
SELECT %s, wanted.name, newest.card_id, count(*), count(*) FILTER (WHERE newest.label = 'fraud'),
  count(*) FILTER (WHERE newest.label = 'legitimate')
FROM unnest(%s::text[]) AS wanted (name) CROSS JOIN LATERAL (
  SELECT decision.card_id, {label} AS label
  FROM scoring_decision AS decision
  WHERE decision.{column} >= wanted.name{cast} AND decision.{column} <= wanted.name{cast} AND {condition}
    AND decision.occurred_at >= %s AND decision.occurred_at < %s AND decision.decided_at < %s
  ORDER BY decision.{column} DESC, decision.occurred_at DESC LIMIT %s
) AS newest GROUP BY wanted.name, newest.card_id
"""


def _ties(wanted: dict[str, Sequence[str]], *, since: datetime, as_of: datetime | None) -> list[Tie]:
    """Cards in the newest payments of each name, this one among them. One query."""
    before, known = (EVER, None) if as_of is None else (as_of, just_before(as_of))
    parts: list[str] = []
    parameters: list[Any] = []
    for kind, names in wanted.items():
        column, is_address = COLUMNS[kind], kind == "ip"
        condition = "decision.ip_address IS NOT NULL" if is_address else f"decision.{column} <> ''"
        parts.append(
            _TIES.format(column=column, cast="::inet" if is_address else "", condition=condition, label=_LABEL)
        )
        parameters += [kind, list(names), known, since, before, before, _LOOK_BACK]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), parameters)
        return [Tie(Entity(kind, name), *rest) for kind, name, *rest in cursor.fetchall()]


def _candidates(ties: Sequence[Tie]) -> list[str]:
    fraud: Counter[str] = Counter()
    often: Counter[str] = Counter()
    for tie in ties:
        fraud[tie.card_id] += tie.fraud
        often[tie.card_id] += tie.payments
    return sorted(often, key=lambda card: (-fraud[card], -often[card], card))[:_CANDIDATES]


def _standings_of(cards: Sequence[str], *, desk: Desk, since: datetime, as_of: datetime | None) -> dict[str, Standing]:
    """Two queries, none without cards."""
    if not cards:
        return {}
    before = as_of or EVER
    own = {tie.card_id: tie for tie in _ties({"card": cards}, since=since, as_of=as_of)}
    seen = Case.objects.filter(desk.visible(), card_id__in=cards, opened_at__lt=before)
    known = seen.exclude(status=Case.Status.MERGED).order_by("decided_at", "opened_at")
    # The open case of a card comes last and stays; of decided ones the latest.
    cases = {case.card_id: _as_it_stood(case, before) for case in known}
    return {card: Standing(own[card].fraud, own[card].legitimate, cases.get(card)) for card in cards if card in own}


def _as_it_stood(case: Case, before: datetime) -> Case:
    if before < EVER and (case.decided_at is None or case.decided_at >= before):
        case.status, case.verdict = Case.Status.OPEN, ""
    return case
