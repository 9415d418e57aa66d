"""The rows of the threshold page: present and proposed thresholds, and what they would have done. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from cases.dashboard import wording
from cases.dashboard.sums import Share
from cases.policy.threshold_inputs import Inputs, amount, band_words, number
from scoring import threshold_proposals as proposals
from scoring import thresholds
from scoring.threshold_proposals import Account
from scoring.thresholds import Choice, Payments


@dataclass(frozen=True)
class Pair:
    """Thresholds of a band as they are written down; `value` is what a form sends."""

    words: str
    review: str
    decline: str
    value: str


@dataclass(frozen=True)
class Row:
    """Thresholds and what they would have done. `problem` instead where there are none."""

    title: str
    pairs: Sequence[Pair] = ()
    alerts: str = ""
    busy: str = ""
    precision: str = ""
    recall: str = ""
    money_recall: str = ""
    by_labels: str = ""
    by_scores: str = ""
    change: wording.Delta | None = None
    note: str = ""
    problem: str = ""
    is_present: bool = False
    is_for_all: bool = False


def rows_of(inputs: Inputs) -> list[Row]:
    one, whole = [inputs.all], ["all amounts"]
    named = [band_words(inputs.figures, place) for place in range(len(inputs.bands))]
    is_banded = len(inputs.bands) > 1
    now = proposals.account(inputs.bands, inputs.present, inputs.prices.costs)
    present = replace(_row("Present", inputs, inputs.bands, inputs.present, named, None), is_present=True)
    if len(set(inputs.present)) == 1:
        present = replace(present, pairs=[replace(present.pairs[0], words=whole[0])])
    rows = [present]
    if (costs := inputs.prices.costs) is not None:
        rows.append(_row("Least cost", inputs, one, proposals.by_cost(one, costs), whole, now))
        if is_banded:
            rows.append(
                _row("Least cost, by amount", inputs, inputs.bands, proposals.by_cost(inputs.bands, costs), named, now)
            )
    if inputs.prices.capacity:
        rows.append(_capacity_row(inputs, one, whole, now))
        if is_banded:
            rows.append(_capacity_row(inputs, inputs.bands, named, now))
    return rows


def _capacity_row(inputs: Inputs, bands: Sequence[Payments], named: Sequence[str], now: Account) -> Row:
    capacity, others = inputs.prices.capacity or 0, inputs.figures.others
    title = f"{capacity:,} alerts a day{', by amount' if len(bands) > 1 else ''}"
    declines = [choice.decline for choice in inputs.present] if len(bands) > 1 else [
        max(choice.decline for choice in inputs.present)
    ]  # fmt: skip
    chosen = proposals.by_capacity(bands, capacity - others, declines)
    taken = f"payments in other currencies take {number(others)} of them" if others else ""
    if chosen is None:
        floor = f"Rules and lists alone make {number(now.floor)} alerts a day"
        return Row(title, problem=f"{floor}{', and ' + taken if taken else ''}: no threshold makes so few.")
    return replace(_row(title, inputs, bands, chosen, named, now), note=taken)


def _row(
    title: str,
    inputs: Inputs,
    bands: Sequence[Payments],
    choices: Sequence[Choice],
    named: Sequence[str],
    now: Account | None,
) -> Row:
    said = proposals.account(bands, choices, inputs.prices.costs)
    currency = inputs.figures.currency
    edges = inputs.figures.edges if len(bands) > 1 else [Decimal(0)]
    return Row(
        title,
        pairs=[_pair(*both) for both in zip(named, edges, choices, strict=True)],
        alerts=number(said.alerts),
        busy=number(said.alerts_busy),
        precision=wording.share_of_labels(Share(round(said.caught), round(said.looked_at))),
        recall=wording.share_of_labels(Share(round(said.caught), round(said.frauds))),
        money_recall=_money_recall(said),
        by_labels=amount(said.cost_by_labels, currency),
        by_scores=amount(said.cost_by_scores, currency),
        change=_change(said, now),
        is_for_all=len(bands) == 1 and len(inputs.figures.currencies) == 1,
    )


def _pair(named: str, edge: Decimal, choice: Choice) -> Pair:
    review, decline = (f"{threshold:g}" for threshold in proposals.value_of(choice))
    return Pair(named, review, decline, f"{edge:f}|{review}|{decline}")


def _money_recall(said: Account) -> str:
    if said.frauds < thresholds.FEWEST_FRAUDS or not said.fraud_amount:
        return wording.NONE
    return f"{said.caught_amount / said.fraud_amount:.0%}"


def _change(said: Account, now: Account | None) -> wording.Delta | None:
    """Of the cost by labels where these are enough to tell, else by scores."""
    if now is None or said.cost_by_scores is None or now.cost_by_scores is None:
        return None
    if said.cost_by_labels is None or now.cost_by_labels is None or said.frauds < thresholds.FEWEST_FRAUDS:
        return wording.change(said.cost_by_scores, now.cost_by_scores, "now, by scores", good=-1)
    return wording.change(said.cost_by_labels, now.cost_by_labels, "now, by labels", good=-1)
