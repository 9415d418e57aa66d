"""The threshold page, ready to be written down: present and proposed thresholds, bands, charts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from cases import money, words
from cases.charts.chart import Chart
from cases.dashboard import wording
from cases.dashboard.sums import Share
from cases.dashboard.tiles import Tile
from cases.policy import threshold_pictures
from cases.policy.threshold_figures import Figures, counted_edge
from scoring import threshold_proposals as proposals
from scoring import thresholds
from scoring.threshold_proposals import Account, Verdict
from scoring.thresholds import Choice, Costs, Payments


@dataclass(frozen=True)
class Prices:
    """What mistakes cost in the page's currency, and how many alerts a day can be reviewed; None where nobody said."""

    review: Decimal | None
    false_decline: Decimal | None
    capacity: int | None

    @property
    def costs(self) -> Costs | None:
        if self.review is None or self.false_decline is None:
            return None
        return Costs(float(self.review), float(self.false_decline))


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


@dataclass(frozen=True)
class BandRow:
    """A band: how much is in it, and whether labels bear out what scores say."""

    place: int
    words: str
    payments: str
    alerts: str
    present: str
    by_scores: str
    by_labels: str
    interval: str
    verdict: str
    css: str


@dataclass(frozen=True)
class Page:
    """What the template needs. `chosen`: the band that the charts are of, None for all amounts."""

    figures: Figures
    prices: Prices
    tiles: list[Tile]
    rows: list[Row]
    bands: list[BandRow]
    charts: list[Chart]
    chosen: int | None
    chosen_words: str
    is_rounded: bool
    mature_days: int


@dataclass(frozen=True)
class _World:
    """What all parts of the page are made from: bands with the present choice of each."""

    figures: Figures
    prices: Prices
    present: list[Choice]

    @property
    def bands(self) -> list[Payments]:
        return self.figures.bands

    @property
    def all(self) -> Payments:
        return thresholds.together(self.bands)


def make_page(figures: Figures, *, prices: Prices, chosen: int | None) -> Page:
    """`figures` has at least one day and a live policy."""
    present, is_rounded = _present(figures)
    world = _World(figures, prices, present)
    place = chosen if chosen is not None and chosen < len(figures.bands) > 1 else None
    shown = slice(None) if place is None else slice(place, place + 1)
    return Page(
        figures=figures,
        prices=prices,
        tiles=_tiles(world),
        rows=_rows(world),
        bands=[_band_row(world, number) for number in range(len(figures.bands))],
        charts=threshold_pictures.charts(
            figures.bands[shown],
            present[shown],
            costs=prices.costs,
            capacity=prices.capacity,
            currency=figures.currency,
        ),
        chosen=place,
        chosen_words="all amounts" if place is None else band_words(figures, place),
        is_rounded=is_rounded,
        mature_days=int(figures.bands[0].mature.sum()),
    )


def band_words(figures: Figures, place: int) -> str:
    """`20 to 100`, `from 500`, `all amounts`."""
    edges = figures.edges
    if len(edges) == 1:
        return "all amounts"
    if place + 1 == len(edges):
        return f"from {edges[place]:,f}"
    return f"{edges[place]:,f} to {edges[place + 1]:,f}" if place else f"below {edges[1]:,f}"


def _present(figures: Figures) -> tuple[list[Choice], bool]:
    """The live version's choice in each band, and whether it is told at the nearest step only."""
    live = figures.live
    assert live is not None
    found, is_rounded = [], False
    for edge in figures.edges:
        own = [band for band in figures.live_bands if counted_edge(band.from_amount) <= edge]
        review, decline = (own[-1].review_threshold, own[-1].decline_threshold) if own else (
            live.review_threshold, live.decline_threshold,
        )  # fmt: skip
        found.append(Choice(thresholds.nearest(review), thresholds.nearest(decline)))
        is_rounded = is_rounded or (review, decline) != proposals.value_of(found[-1])
    return found, is_rounded or any(band.from_amount not in figures.edges for band in figures.live_bands)


def _tiles(world: _World) -> list[Tile]:
    figures, payments = world.figures, world.all
    now = proposals.account(world.bands, world.present, None)
    days = len(figures.days)
    count, unscored = float(payments.count.sum()), float(payments.unscored.sum())
    return [
        Tile("Payments a day", f"{(count + unscored) / days:,.0f}", f"on {words.count(days, 'day')} that are over",
             note=f"{unscored:,.0f} had no score: no threshold reaches them" if unscored else ""),
        Tile("Alerts a day now", _number(now.alerts), "with the present thresholds, and rules and lists as they were",
             note=f"{_number(now.alerts_busy)} or fewer on 95 of 100 days; rules and lists alone make "
             f"{_number(now.floor)}"),
        Tile("Frauds known", f"{payments.frauds_known:,.0f}",
             f"labels of the {words.count(int(payments.mature.sum()), 'day')} that are {figures.asked.mature_days} "
             "days old; what has no label then counts as legitimate", note=_unknown_words(payments)),
        _calibration(payments),
    ]  # fmt: skip


def _unknown_words(payments: Payments) -> str:
    young = float(payments.frauds[~payments.mature].sum())
    unknown = float(payments.unknown.sum())
    said = [f"{young:,.0f} more in younger days, not counted"] if young else []
    if unknown:
        said.append(f"{unknown:,.0f} declined and never labelled: unknown, not counted")
    return "; ".join(said)


def _calibration(payments: Payments) -> Tile:
    found = proposals.calibration(payments)
    if found is None:
        return Tile("Scores against labels", wording.NONE, f"needs {thresholds.FEWEST_FRAUDS} frauds on "
                    f"{thresholds.FEWEST_DAYS} complete days", note="too few labels to tell")  # fmt: skip
    low, high = found.interval
    note = f"scores expect {found.expected:,.0f} frauds; 95 of 100 such figures lie within {low:.2f} to {high:.2f}"
    said = "Scores are not calibrated: costs by score mislead" if found.is_off else "frauds by label per fraud expected"
    return Tile("Scores against labels", f"{found.frauds / found.expected:.2f}", said, note=note)


def _rows(world: _World) -> list[Row]:
    one, whole = [world.all], ["all amounts"]
    named = [band_words(world.figures, place) for place in range(len(world.bands))]
    is_banded = len(world.bands) > 1
    now = proposals.account(world.bands, world.present, world.prices.costs)
    present = replace(_row("Present", world, world.bands, world.present, named, None), is_present=True)
    if len(set(world.present)) == 1:
        present = replace(present, pairs=[replace(present.pairs[0], words=whole[0])])
    rows = [present]
    if (costs := world.prices.costs) is not None:
        rows.append(_row("Least cost", world, one, proposals.by_cost(one, costs), whole, now))
        if is_banded:
            rows.append(
                _row("Least cost, by amount", world, world.bands, proposals.by_cost(world.bands, costs), named, now)
            )
    if world.prices.capacity:
        rows.append(_capacity_row(world, one, whole, now))
        if is_banded:
            rows.append(_capacity_row(world, world.bands, named, now))
    return rows


def _capacity_row(world: _World, bands: Sequence[Payments], named: Sequence[str], now: Account) -> Row:
    capacity, others = world.prices.capacity or 0, world.figures.others
    title = f"{capacity:,} alerts a day{', by amount' if len(bands) > 1 else ''}"
    declines = [choice.decline for choice in world.present] if len(bands) > 1 else [
        max(choice.decline for choice in world.present)
    ]  # fmt: skip
    chosen = proposals.by_capacity(bands, capacity - others, declines)
    taken = f"payments in other currencies take {_number(others)} of them" if others else ""
    if chosen is None:
        floor = f"Rules and lists alone make {_number(now.floor)} alerts a day"
        return Row(title, problem=f"{floor}{', and ' + taken if taken else ''}: no threshold makes so few.")
    return replace(_row(title, world, bands, chosen, named, now), note=taken)


def _row(
    title: str,
    world: _World,
    bands: Sequence[Payments],
    choices: Sequence[Choice],
    named: Sequence[str],
    now: Account | None,
) -> Row:
    said = proposals.account(bands, choices, world.prices.costs)
    currency = world.figures.currency
    edges = world.figures.edges if len(bands) > 1 else [Decimal(0)]
    return Row(
        title,
        pairs=[_pair(*both) for both in zip(named, edges, choices, strict=True)],
        alerts=_number(said.alerts),
        busy=_number(said.alerts_busy),
        precision=wording.share_of_labels(Share(round(said.caught), round(said.looked_at))),
        recall=wording.share_of_labels(Share(round(said.caught), round(said.frauds))),
        money_recall=_money_recall(said),
        by_labels=_amount(said.cost_by_labels, currency),
        by_scores=_amount(said.cost_by_scores, currency),
        change=_change(said, now),
        is_for_all=len(bands) == 1 and len(world.figures.currencies) == 1,
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


def _band_row(world: _World, place: int) -> BandRow:
    payments, costs = world.bands[place], world.prices.costs
    verdict = proposals.compare(payments, costs) if costs else None
    said, css = _verdict_words(payments, costs, verdict, world.figures.currency)
    return BandRow(
        place=place,
        words=band_words(world.figures, place),
        payments=f"{float(payments.count.sum() + payments.unscored.sum()) / len(world.figures.days):,.0f}",
        alerts=_number(proposals.account([payments], [world.present[place]], None).alerts),
        present=_both(world.present[place]),
        by_scores=_both(proposals.by_cost([payments], costs)[0]) if costs else wording.NONE,
        by_labels=_both(verdict.by_labels) if verdict else wording.NONE,
        interval=_interval_words(verdict),
        verdict=said,
        css=css,
    )


def _verdict_words(payments: Payments, costs: Costs | None, verdict: Verdict | None, currency: str) -> tuple[str, str]:
    if costs is None:
        return "give the costs", "soft"
    if verdict is None:
        return f"too few labels to tell: {payments.frauds_known:,.0f} frauds", "soft"
    if verdict.is_agreed:
        return "yes", ""
    wanted = [
        f"{name} {'higher' if interval.low > place else 'lower'}"
        for name, interval, place in (
            ("review", verdict.review, verdict.by_scores.review),
            ("decline", verdict.decline, verdict.by_scores.decline),
        )
        if not interval.holds(place)
    ]
    saved = f"worth {_amount(verdict.regret, currency)} a day"
    return f"no: labels want {' and '.join(wanted)}, {saved}{_why_not(payments)}", "warn"


def _why_not(payments: Payments) -> str:
    """What may lie behind it that labels say otherwise."""
    found, unknown = proposals.calibration(payments), float(payments.unknown[payments.mature].sum())
    said = f"; {found.frauds / found.expected:.2f} frauds here per fraud that scores expect" if found else ""
    said += ", which are not calibrated" if found and found.is_off else ""
    return f"{said}; {unknown:,.0f} declines are unknown" if unknown else said


def _interval_words(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    ends = [
        f"{thresholds.THRESHOLDS[one.low]:g} to {thresholds.THRESHOLDS[one.high]:g}"
        for one in (verdict.review, verdict.decline)
    ]
    return " / ".join(ends)


def _both(choice: Choice) -> str:
    return " / ".join(f"{threshold:g}" for threshold in proposals.value_of(choice))


def _number(value: float) -> str:
    return f"{value:,.1f}" if 0 < value < 10 else f"{value:,.0f}"


def _amount(value: float | None, currency: str) -> str:
    if value is None:
        return wording.NONE
    return f"{value:,.0f}" if abs(value) >= 1000 else money.shown(Decimal(value), currency)
