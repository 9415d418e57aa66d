"""What an analyst is shown about a payment: reasons as bars, facts beside the card's habits. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

P = TypeVar("P")
BAR_WIDTH = 150
_MIDDLE = BAR_WIDTH / 2
# The reason of a payment that was drawn at random.
RANDOM_AUDIT = "random_audit"


@dataclass(frozen=True)
class ReasonBar:
    """A reason and its share of the score as a bar from a centre line; rules have no share and no bar.

    `usual`: what is usual for the card, where something is known to compare with.
    """

    code: str
    words: str
    x: float | None
    width: float
    side: str  # for, against, rule
    said: str
    usual: str = ""


def reason_bars(reasons: Sequence[dict[str, Any]], usual: Mapping[str, str]) -> list[ReasonBar]:
    """Scale the contributions (log-odds) to the largest of this decision; the order is the decision's.

    usual: by code, what is usual for the card.
    """
    largest = max((abs(reason.get("contribution") or 0.0) for reason in reasons), default=0.0) or 1.0
    return [_bar(reason, largest, usual.get(reason["code"], "")) for reason in reasons]


def _bar(reason: dict[str, Any], largest: float, usual: str) -> ReasonBar:
    contribution = reason.get("contribution")
    if contribution is None:
        said = "chance alone brought it here" if reason["code"] == RANDOM_AUDIT else "a rule asked for this"
        return ReasonBar(reason["code"], reason["words"], None, 0, "rule", said)
    # Two pixels at least: a bar that cannot be seen says "none", not "a little".
    width = max(2.0, round(abs(contribution) / largest * (_MIDDLE - 3), 1))
    if contribution < 0:
        side, x, said = "against", _MIDDLE - width, f"speaks against fraud ({contribution:+.2f} log-odds)"
    else:
        side, x, said = "for", _MIDDLE, f"speaks for fraud ({contribution:+.2f} log-odds)"
    return ReasonBar(reason["code"], reason["words"], round(x, 1), width, side, said, usual)


@dataclass(frozen=True)
class Fact:
    name: str
    value: str
    note: str = ""
    is_new: bool = False
    # Whose page tells more: its kind, and its name in full.
    kind: str = ""
    entity: str = ""


def habit_fact(
    name: str, kind: str, entity: str, payments: Sequence[P], is_same: Callable[[P], bool], *, shown: str = ""
) -> Fact:
    """A fact and whether the card's other payments know it: `12 of 46 payments` or `new in 30 days`."""
    if not entity:
        return Fact(name, "not sent")
    times = sum(1 for payment in payments if is_same(payment))
    note = f"{times} of {len(payments)} payments" if times else "new in 30 days" if payments else "nothing to compare"
    return Fact(name, shown or entity, note, is_new=bool(payments) and not times, kind=kind, entity=entity)


def place_fact(shop_country: str | None, card_country: str | None) -> Fact:
    """Where the shop is, beside where the card is from."""
    if not shop_country:
        return Fact("Shop's country", "not sent", f"card from {card_country}" if card_country else "")
    is_foreign = bool(card_country) and shop_country != card_country
    return Fact("Shop's country", shop_country, f"card from {card_country}" if card_country else "", is_foreign)
