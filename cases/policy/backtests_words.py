"""What a backtest found, in a sentence or two. Pure."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from cases import money, words

Outline = Mapping[str, Any]


def verdict(outline: Outline) -> str:
    """For who has a minute: frauds, money, customers, and what it means for the team's day."""
    if not outline["judged"]:
        return "No payment of these days could be tried."
    if not outline["labels"]["fraud"]:
        return f"No fraud is known in these days, so what it stops cannot be told. {_alerts(outline)}"
    return f"{_frauds(outline)} and {_bothered(outline)}; {_lower(_alerts(outline))}"


def moved(outline: Outline, name: str) -> int:
    """How much more of something counted the draft has than the baseline, over all currencies."""
    return sum(one["draft"][name] - one["baseline"][name] for one in outline["currencies"])


def _frauds(outline: Outline) -> str:
    change = moved(outline, "frauds_caught")
    sums = [(_difference(one), one["currency"]) for one in outline["currencies"]]
    worth = amounts([(value, currency) for value, currency in sums if value])
    if not change:
        return f"Stops as many frauds as before, {worth} in worth," if worth else "Stops the same number of frauds"
    said = f"{'Stops' if change > 0 else 'Misses'} {abs(change):,} more {'fraud' if abs(change) == 1 else 'frauds'}"
    is_one_way = all((value > 0) == (change > 0) for value, _ in sums if value)
    if not worth:
        return said
    # More frauds and less money, or the other way round: the sign then has to be said.
    return f"{said} worth {worth.replace('−', '').replace('+', '')}" if is_one_way else f"{said}, {worth} in worth,"


def _difference(currency: Mapping[str, Any]) -> Decimal:
    return Decimal(currency["draft"]["money_stopped"]) - Decimal(currency["baseline"]["money_stopped"])


def amounts(sums: Sequence[tuple[Decimal, str]]) -> str:
    """`+4,310.00 EUR and −20.00 USD`."""
    shown = [f"{'+' if value > 0 else '−'}{money.shown(abs(value), currency)} {currency}" for value, currency in sums]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _bothered(outline: Outline) -> str:
    change = moved(outline, "false_positives")
    if not change:
        return "bothers no customer more or less"
    return (
        f"bothers {abs(change):,} {'more' if change > 0 else 'fewer'} {'customer' if abs(change) == 1 else 'customers'}"
    )


def _alerts(outline: Outline) -> str:
    alerts = outline["alerts"]
    a_day, capacity = alerts["draft"]["a_day"], alerts["capacity"]
    over = a_day - capacity
    said = f"{shown(a_day)} alerts a day"
    if over > 0:
        return f"{said}, {shown(over)} over what the team can review."
    days = alerts["draft"]["days_over"]
    if days:
        return (
            f"{said}: the team can review {capacity:,}, which {words.count(days, 'day')} of {alerts['days']} go over."
        )
    return f"{said}, of {capacity:,} the team can review."


def shown(number: float) -> str:
    """A mean: whole where tenths say nothing."""
    return f"{number:,.0f}" if abs(number) >= 20 or number == int(number) else f"{number:,.1f}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def left_out(reasons: Mapping[str, int]) -> list[str]:
    """What was not tried, and why."""
    said = {
        "other_features": "decided with another feature table",
        "unreadable": "whose record cannot be read as a payment any more",
    }
    return [f"{words.count(count, 'payment')} {said.get(reason, reason)}" for reason, count in reasons.items() if count]


def labels(found: Mapping[str, int], maturity: timedelta) -> str:
    """What is known of the payments, and how much of it is taken for granted."""
    total = sum(found[kind] for kind in ("fraud", "legitimate", "taken", "unknown"))
    share = found["mature"] / total if total else 0.0
    return (
        f"Known fraud {found['fraud']:,}, known legitimate {found['legitimate']:,}, taken as legitimate "
        f"{found['taken']:,} (no label {words.duration(maturity)} after the payment), not known yet "
        f"{found['unknown']:,}. {share:.0%} of the payments are old enough for their labels to be in."
    )
