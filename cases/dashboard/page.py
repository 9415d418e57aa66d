"""Everything on the page, ready to be written down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from cases import durations
from cases.charts.chart import Chart
from cases.charts.scale import Scale
from cases.dashboard import pictures, tiles, wording
from cases.dashboard.figures import Dashboard, RuleRow, Work
from cases.dashboard.tiles import Costs, Tile

_AGE_BAR = 160
# The figures are made each minute: after so long nobody makes them.
_STALE_AFTER = timedelta(minutes=10)


@dataclass(frozen=True)
class Age:
    """Open cases of an age, with a bar to the scale of the most."""

    words: str
    cases: int
    width: float


@dataclass(frozen=True)
class Rule:
    """A rule with its figures in words."""

    row: RuleRow
    precision: str
    interval: str


@dataclass(frozen=True)
class Person:
    """Somebody's work in words."""

    work: Work
    median: str
    fraud_share: str
    skip_share: str
    hours: str


@dataclass(frozen=True)
class Page:
    """What the template needs."""

    dashboard: Dashboard
    money: list[Tile]
    rates: list[Tile]
    desk: list[Tile]
    money_charts: list[Chart]
    rate_charts: list[Chart]
    quality_charts: list[Chart]
    backlog_chart: Chart
    ages: list[Age]
    rules: list[Rule]
    people: list[Person]
    mature_days: int
    is_stale: bool


def make_page(found: Dashboard, *, costs: Costs, maturity: timedelta, sort: str) -> Page:
    backlog = found.backlog
    shown = pictures.columns(found)
    daily = shown if found.span.step == "day" else pictures.columns(found, least="day")
    quality = pictures.columns(found, least=pictures.unit_of_quality(found))
    return Page(
        dashboard=found,
        money=tiles.money_tiles(found, costs=costs, maturity=maturity),
        rates=tiles.rate_tiles(found, maturity=maturity),
        desk=tiles.desk_tiles(found),
        money_charts=[
            pictures.money_chart(found, shown, maturity=maturity),
            pictures.cost_chart(found, daily, costs=costs),
        ],
        rate_charts=[pictures.outcome_chart(found, shown), pictures.payments_chart(found, shown)],
        quality_charts=[
            pictures.precision_chart(found, quality),
            pictures.recall_chart(found, quality, maturity=maturity),
        ],
        backlog_chart=pictures.backlog_chart(found),
        ages=_ages(backlog.by_age) if backlog else [],
        rules=[_rule(row) for row in _sorted(found.rules, sort)],
        people=[_person(work) for work in found.desk.people],
        mature_days=tiles.mature_days(found.span, maturity),
        is_stale=backlog is None or backlog.taken_at < found.span.now - _STALE_AFTER,
    )


def _ages(counts: Sequence[int]) -> list[Age]:
    scale = Scale(0, max([1, *counts]), 0, _AGE_BAR)
    return [Age(words, count, scale(count)) for words, count in zip(durations.AGE_WORDS, counts, strict=True)]


def _sorted(rules: Sequence[RuleRow], sort: str) -> list[RuleRow]:
    """Rows come with the most hits first. The least precise come first: they are what to look at;
    last those with too few labels to tell."""
    if sort == "code":
        return sorted(rules, key=lambda row: row.code)
    if sort == "precision":
        return sorted(rules, key=_by_precision)
    if sort == "last":
        return sorted(rules, key=lambda row: row.last_hit_at.timestamp() if row.last_hit_at else 0.0, reverse=True)
    return list(rules)


def _by_precision(row: RuleRow) -> tuple[bool, bool, float]:
    value = row.precision.value
    return not row.precision.is_telling, value is None, value or 0.0


def _rule(row: RuleRow) -> Rule:
    return Rule(row, wording.share_of_labels(row.precision), wording.interval(row.precision))


def _person(work: Work) -> Person:
    return Person(
        work,
        wording.length(work.median_handling),
        wording.share(work.fraud_share),
        wording.share(work.skip_share),
        wording.length(timedelta(seconds=work.handled_seconds)),
    )
