"""The threshold page, ready to be written down: tiles, proposals, bands, charts. Pure."""

from dataclasses import dataclass

from cases import words
from cases.charts.chart import Chart
from cases.dashboard import wording
from cases.dashboard.tiles import Tile
from cases.policy import threshold_pictures
from cases.policy.threshold_bands import BandRow, band_row
from cases.policy.threshold_figures import Figures, counted_edge
from cases.policy.threshold_inputs import Inputs, Prices, band_words, number
from cases.policy.threshold_rows import Row, rows_of
from scoring import threshold_proposals as proposals
from scoring import thresholds
from scoring.thresholds import Choice, Payments


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


def make_page(figures: Figures, *, prices: Prices, chosen: int | None) -> Page:
    """`figures` has at least one day and a live policy."""
    present, is_rounded = _present(figures)
    inputs = Inputs(figures, prices, present)
    place = chosen if chosen is not None and chosen < len(figures.bands) > 1 else None
    shown = slice(None) if place is None else slice(place, place + 1)
    return Page(
        figures=figures,
        prices=prices,
        tiles=_tiles(inputs),
        rows=rows_of(inputs),
        bands=[band_row(inputs, number) for number in range(len(figures.bands))],
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


def _tiles(inputs: Inputs) -> list[Tile]:
    figures, payments = inputs.figures, inputs.all
    now = proposals.account(inputs.bands, inputs.present, None)
    days = len(figures.days)
    count, unscored = float(payments.count.sum()), float(payments.unscored.sum())
    return [
        Tile("Payments a day", f"{(count + unscored) / days:,.0f}", f"on {words.count(days, 'day')} that are over",
             note=f"{unscored:,.0f} had no score: no threshold reaches them" if unscored else ""),
        Tile("Alerts a day now", number(now.alerts), "with the present thresholds, and rules and lists as they were",
             note=f"{number(now.alerts_busy)} or fewer on 95 of 100 days; rules and lists alone make "
             f"{number(now.floor)}"),
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
