"""Whom a case's card stands together with: what its payments carry, and other cards seen there."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from cases import graph, words
from cases.entity import COLUMNS, Entity
from cases.models import Case
from cases.queries.queues import Desk
from cases.queries.related import EVER
from scoring.models import Decision

DAYS = 30
# Sums to fewer than forty boxes, which a screen and an eye take in; the pages they lead to hold the rest.
_MOST = {"customer": 2, "device": 3, "ip": 3, "merchant": 3}
_MOST_CARDS = 12
# Of a busy address or shop the newest payments only: older ones tell little and cost a scan.
_LOOK_BACK = 500
_MOST_PAYMENTS = 300
# Cards whose own record is looked at before the twelve that tell most are chosen.
_CANDIDATES = 60
_UNDECIDED = {
    Case.Status.OPEN.value: "its case is open",
    Case.Status.APPROVAL.value: "its case waits for a second person",
}
_MARKS = {Case.Verdict.FRAUD.value: "fraud", Case.Verdict.LEGITIMATE.value: "legitimate"}


class Tie(NamedTuple):
    """Payments with both, how many of them are labelled fraud and legitimate."""

    entity: Entity
    card_id: str
    payments: int
    fraud: int
    legitimate: int


@dataclass(frozen=True)
class Standing:
    """What is known about another card: labels of its newest payments, and its open or latest case that one may see."""

    fraud: int = 0
    legitimate: int = 0
    case: Case | None = None

    @property
    def mark(self) -> tuple[str, str]:
        """CSS class and words; what was confirmed goes before what is only suspected."""
        if self.fraud:
            return "fraud", f"{self.fraud:,} fraud"
        if self.case and self.case.status == Case.Status.OPEN:
            return "open", "open case"
        if self.case and self.case.status == Case.Status.APPROVAL:
            return "open", "to approve"
        if self.legitimate:
            return "legitimate", "legitimate"
        return (_MARKS.get(self.case.verdict, "decided"), f"case: {self.case.verdict}") if self.case else ("", "")


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
    found = _ties({kind: names for kind, names in shown.items() if names}, since=since, before=as_of or EVER)
    ties = [tie for tie in found if tie.card_id != case.card_id and (tie.entity.kind != "merchant" or tie.fraud)]
    standings = _standings_of(_candidates(ties), desk=desk, since=since, before=as_of or EVER)
    cards = _worst({tie.card_id for tie in ties}, ties, standings)
    more_nodes, more_edges = _left_out(ties, set(cards))
    names = {payment["merchant"]: payment["merchant_name"] for payment in payments}
    nodes = [
        _this_card(case),
        *_shared(used, shown, ties, standings, found, names),
        *_unshown(case, used, shown),
        *_cards(cards, ties, standings),
        *more_nodes,
    ]
    edges = [*_first_edges(case, used, shown), *_second_edges(ties, standings), *more_edges]
    return CaseGraph(case, graph.draw(nodes, edges), len({tie.card_id for tie in ties}))


def _payments_of(case: Case) -> list[dict[str, Any]]:
    fields = {kind: COLUMNS[kind] for kind in _MOST}
    newest = Decision.objects.filter(alert__case=case).order_by("-occurred_at", "-id")
    rows = newest.values("occurred_at", "merchant_name", *fields.values())[:_MOST_PAYMENTS]
    return [row | {kind: row[column] for kind, column in fields.items()} for row in rows]


def _ranked(names: Counter[str]) -> list[tuple[str, int]]:
    return sorted(names.items(), key=lambda item: (-item[1], item[0]))


# The condition beside the range is the index's own: PostgreSQL cannot see that a joined value fulfils it.
_TIES = """
SELECT %s, wanted.name, newest.card_id, count(*), count(*) FILTER (WHERE newest.label = 'fraud'),
  count(*) FILTER (WHERE newest.label = 'legitimate')
FROM unnest(%s::text[]) AS wanted (name) CROSS JOIN LATERAL (
  SELECT decision.card_id, (
      SELECT label.label FROM scoring_label AS label WHERE label.decision_id = decision.id AND label.known_at < %s
      ORDER BY label.known_at DESC, label.id DESC LIMIT 1
    ) AS label
  FROM scoring_decision AS decision
  WHERE decision.{column} >= wanted.name{cast} AND decision.{column} <= wanted.name{cast} AND {condition}
    AND decision.occurred_at >= %s AND decision.occurred_at < %s AND decision.decided_at < %s
  ORDER BY decision.{column} DESC, decision.occurred_at DESC LIMIT %s
) AS newest GROUP BY wanted.name, newest.card_id
"""


def _ties(wanted: dict[str, Sequence[str]], *, since: datetime, before: datetime) -> list[Tie]:
    """Cards in the newest payments of each name, this one among them. One query."""
    parts: list[str] = []
    parameters: list[Any] = []
    for kind, names in wanted.items():
        column, is_address = COLUMNS[kind], kind == "ip"
        condition = "decision.ip_address IS NOT NULL" if is_address else f"decision.{column} <> ''"
        parts.append(_TIES.format(column=column, cast="::inet" if is_address else "", condition=condition))
        parameters += [kind, list(names), before, since, before, before, _LOOK_BACK]
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


def _standings_of(cards: Sequence[str], *, desk: Desk, since: datetime, before: datetime) -> dict[str, Standing]:
    """Two queries, none without cards."""
    if not cards:
        return {}
    own = {tie.card_id: tie for tie in _ties({"card": cards}, since=since, before=before)}
    seen = Case.objects.filter(desk.visible(), card_id__in=cards, opened_at__lt=before)
    known = seen.exclude(status=Case.Status.MERGED).order_by("decided_at", "opened_at")
    # The open case of a card comes last and stays; of decided ones the latest.
    cases = {case.card_id: _as_it_stood(case, before) for case in known}
    return {card: Standing(own[card].fraud, own[card].legitimate, cases.get(card)) for card in cards if card in own}


def _as_it_stood(case: Case, before: datetime) -> Case:
    if before < EVER and (case.decided_at is None or case.decided_at >= before):
        case.status, case.verdict = Case.Status.OPEN, ""
    return case


def _worst(cards: Collection[str], ties: Sequence[Tie], standings: dict[str, Standing]) -> list[str]:
    often = Counter(dict.fromkeys(cards, 0))
    for tie in ties:
        often[tie.card_id] += tie.payments
    severity = ["fraud", "open", "decided", "legitimate", ""]

    def rank(card: str) -> tuple[int, int, str]:
        return severity.index(standings.get(card, Standing()).mark[0]), -often[card], card

    return sorted(cards, key=rank)[:_MOST_CARDS]


def _this_card(case: Case) -> graph.Node:
    entity = Entity("card", case.card_id)
    said = words.count(case.alert_count, "payment")
    title = f"Card {entity.shown}, the card of this case: {said} flagged"
    return graph.Node(_key(entity), 0, entity, entity.shown, f"this case: {said}", title, "this", "this card")


def _shared(
    used: dict[str, Counter[str]],
    shown: dict[str, list[str]],
    ties: Sequence[Tie],
    standings: dict[str, Standing],
    found: Sequence[Tie],
    merchant_names: dict[str, str],
) -> Iterator[graph.Node]:
    """A box for each thing that the case's payments carry."""
    looked_at: Counter[Entity] = Counter()
    for tie in found:
        looked_at[tie.entity] += tie.payments
    cards_of: defaultdict[Entity, list[str]] = defaultdict(list)
    for tie in ties:
        cards_of[tie.entity].append(tie.card_id)
    for kind, names in shown.items():
        for name in names:
            entity = Entity(kind, name)
            fraud = sum(1 for card in cards_of[entity] if standings.get(card, Standing()).fraud)
            is_cut = looked_at[entity] >= _LOOK_BACK
            said = _tied_words(entity, len(cards_of[entity]), fraud, is_cut=is_cut)
            shown_name = merchant_names.get(name, "") if kind == "merchant" else ""
            yield _shared_node(entity, shown_name, used[kind][name], said, is_fraud=bool(fraud))


def _unshown(case: Case, used: dict[str, Counter[str]], shown: dict[str, list[str]]) -> Iterator[graph.Node]:
    """`+3 more` of a kind that the case's payments carry more of than there is room for: the card's page has them."""
    card = Entity("card", case.card_id)
    for kind, names in shown.items():
        if left := len(used[kind]) - len(names):
            said = f"+{left:,} more {_named(kind, left)}"
            title = f"{said} of this case's payments: on the card's page"
            yield graph.Node(f"more {kind}", 1, card, said, "on the card's page", title, "more")


def _named(kind: str, number: int) -> str:
    title = (words.ENTITIES if number == 1 else words.ENTITIES_PLURAL)[kind]
    return title if kind == "ip" else title.lower()


def _shared_node(entity: Entity, shown_name: str, payments: int, said: str, *, is_fraud: bool) -> graph.Node:
    label, count = f"{entity.title} {shown_name or entity.shown}", words.count(payments, "payment")
    return graph.Node(
        key=_key(entity),
        column=1,
        entity=entity,
        label=label,
        facts=f"{count} · {said}",
        title=f"{label}: {count} of this case; {said}",
        mark="fraud" if is_fraud else "",
    )


def _tied_words(entity: Entity, cards: int, fraud: int, *, is_cut: bool) -> str:
    if entity.kind == "merchant":
        return f"{words.count(cards, 'card')} with fraud lately" if cards else "no fraud lately"
    if not cards:
        return "no other card"
    most = "at least " if is_cut else ""
    return f"{most}{words.count(cards, 'other card')}, {fraud or 'none'} fraud"


def _cards(cards: Sequence[str], ties: Sequence[Tie], standings: dict[str, Standing]) -> Iterator[graph.Node]:
    through: defaultdict[str, list[str]] = defaultdict(list)
    for tie in ties:
        said = f"{words.count(tie.payments, 'payment')} with {tie.entity.title_in_text} {tie.entity.shown}"
        through[tie.card_id].append(said)
    for card in cards:
        entity, standing = Entity("card", card), standings.get(card, Standing())
        mark, mark_words = standing.mark
        title = f"Card {entity.shown}: {', '.join(through[card])}; {_standing_words(standing)}"
        yield graph.Node(_key(entity), 2, entity, entity.shown, "", title, mark, mark_words or "no verdict")


def _standing_words(standing: Standing) -> str:
    said = []
    if standing.fraud:
        said.append(f"{words.count(standing.fraud, 'payment')} confirmed fraud")
    if standing.legitimate:
        said.append(f"{words.count(standing.legitimate, 'payment')} confirmed legitimate")
    if standing.case:
        decided = f"its case was decided: {standing.case.verdict}"
        said.append(_UNDECIDED.get(standing.case.status, decided))
    return ", ".join(said) or "nothing confirmed"


def _first_edges(case: Case, used: dict[str, Counter[str]], shown: dict[str, list[str]]) -> Iterator[graph.Edge]:
    card = _key(Entity("card", case.card_id))
    for kind, names in shown.items():
        for name in names:
            count = used[kind][name]
            said = f"{words.count(count, 'payment')} of this case"
            yield graph.Edge(card, _key(Entity(kind, name)), count, said)


def _second_edges(ties: Sequence[Tie], standings: dict[str, Standing]) -> Iterator[graph.Edge]:
    for tie in ties:
        said = words.count(tie.payments, "payment") + (f", {tie.fraud} confirmed fraud" if tie.fraud else "")
        is_fraud = bool(standings.get(tie.card_id, Standing()).fraud)
        card = _key(Entity("card", tie.card_id))
        yield graph.Edge(_key(tie.entity), card, tie.payments, said, is_fraud=is_fraud)


def _left_out(ties: Sequence[Tie], cards: Collection[str]) -> tuple[list[graph.Node], list[graph.Edge]]:
    """`+12 more cards` beside each thing that has them; its page shows them."""
    hidden: Counter[Entity] = Counter(tie.entity for tie in ties if tie.card_id not in cards)
    nodes, edges = [], []
    for entity, count in hidden.items():
        key, said = f"more {_key(entity)}", f"+{words.count(count, 'more card')}"
        title = f"{said} with {entity.title_in_text} {entity.shown}: all on its page"
        nodes.append(graph.Node(key, 2, entity, said, "", title, "more", entity.title_in_text))
        edges.append(graph.Edge(_key(entity), key, count, said))
    return nodes, edges


def _key(entity: Entity) -> str:
    return f"{entity.kind} {entity.name}"
