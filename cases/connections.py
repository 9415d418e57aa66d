"""Boxes and lines of a case's connections: what its payments carry, and other cards seen there. Pure."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cases import graph, words
from cases.entity import Entity
from cases.models import Case

_MOST_CARDS = 12
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
class Found:
    """What was found for a case: `used` of each kind with its payments, `shown` of these, and the ties of them.

    found: all ties of what is shown, this card's among them. ties: those to other cards that tell something.
    """

    case: Case
    used: dict[str, Counter[str]]
    shown: dict[str, list[str]]
    found: Sequence[Tie]
    ties: Sequence[Tie]
    standings: dict[str, Standing]
    merchant_names: dict[str, str]


def draw(of: Found, *, look_back: int) -> graph.Graph:
    """Lay it out. look_back: so many payments were looked at for each thing; from there on words say "at least"."""
    cards = _worst({tie.card_id for tie in of.ties}, of.ties, of.standings)
    more_nodes, more_edges = _left_out(of.ties, set(cards))
    nodes = [
        _this_card(of.case),
        *_shared(of, look_back=look_back),
        *_unshown(of.case, of.used, of.shown),
        *_cards(cards, of.ties, of.standings),
        *more_nodes,
    ]
    edges = [*_first_edges(of.case, of.used, of.shown), *_second_edges(of.ties, of.standings), *more_edges]
    return graph.draw(nodes, edges)


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


def _shared(of: Found, *, look_back: int) -> Iterator[graph.Node]:
    """A box for each thing that the case's payments carry."""
    looked_at: Counter[Entity] = Counter()
    for tie in of.found:
        looked_at[tie.entity] += tie.payments
    cards_of: defaultdict[Entity, list[str]] = defaultdict(list)
    for tie in of.ties:
        cards_of[tie.entity].append(tie.card_id)
    for kind, names in of.shown.items():
        for name in names:
            entity = Entity(kind, name)
            fraud = sum(1 for card in cards_of[entity] if of.standings.get(card, Standing()).fraud)
            is_cut = looked_at[entity] >= look_back
            said = _tied_words(entity, len(cards_of[entity]), fraud, is_cut=is_cut)
            shown_name = of.merchant_names.get(name, "") if kind == "merchant" else ""
            yield _shared_node(entity, shown_name, of.used[kind][name], said, is_fraud=bool(fraud))


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
