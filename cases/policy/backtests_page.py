"""The page of a backtest: figures, chart and tables out of its result. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from cases.agreement import Share
from cases.charts.chart import Chart, Picture, Series, draw
from cases.charts.scale import short
from cases.dashboard import wording
from cases.dashboard.tiles import Tile
from cases.models import Case
from cases.policy import backtests_words
from cases.sight import Sight
from scoring.models import Backtest

_OUTCOMES = ("approve", "review", "decline")
_KINDS = {
    "caught_now": ("Caught now", "Fraud that was approved and would be stopped."),
    "lost_now": ("Lost now", "Fraud that was stopped and would be approved."),
    "newly_bothered": ("Newly bothered", "Legitimate customers who were approved and would be stopped."),
    "no_longer_bothered": ("No longer bothered", "Legitimate customers who were stopped and would be approved."),
}
_MOST_RULES, _MOST_CAUSES = 300, 60


@dataclass(frozen=True)
class SideRow:
    """What one of the two does in a currency."""

    title: str
    figures: Mapping[str, Any]
    precision: Share
    recall: Share


@dataclass(frozen=True)
class CurrencyPart:
    currency: str
    payments: int
    rows: Sequence[SideRow]


@dataclass(frozen=True)
class RuleRow:
    figures: Mapping[str, Any]
    precision: Share


@dataclass(frozen=True)
class Example:
    """A payment; `case_id` where it has a case that the person sees. `why`: None where that waits for their verdict."""

    payment: Mapping[str, Any]
    occurred_at: datetime
    amount: Decimal
    case_id: UUID | None
    why: Sequence[str] | None


@dataclass(frozen=True)
class ExamplesPart:
    name: str
    title: str
    words: str
    rows: Sequence[Example]


@dataclass(frozen=True)
class ResultPage:
    verdict: str
    labels: str
    left_out: Sequence[str]
    recorded_differs: int
    tiles: Sequence[Tile]
    costs_in: str
    chart: Chart | None
    currencies: Sequence[CurrencyPart]
    matrix: Sequence[tuple[str, Sequence[int]]]
    rules: Sequence[RuleRow]
    overlap: Sequence[Mapping[str, Any]]
    causes: Sequence[Mapping[str, Any]]
    examples: Sequence[ExamplesPart]


def decisions_named(result: Mapping[str, Any]) -> list[int]:
    """Decisions of all examples."""
    return [one["decision_id"] for examples in result["examples"].values() for one in examples]


def result_page(
    backtest: Backtest, *, cases: Mapping[int, Case], sight: Sight, unsaid: Collection[int], review_cost: Decimal | None
) -> ResultPage:
    """Of one that is done. cases: decision -> its case. unsaid: decisions that are not to be shown; review_cost: of a
    flagged payment in the costs' currency, None where nothing is known of it.
    """
    result = backtest.result
    assert result is not None
    names = (f"Version {backtest.policy.version}", f"Version {backtest.baseline.version}, in force")
    return ResultPage(
        verdict=backtests_words.verdict(result),
        labels=backtests_words.labels(result["labels"], timedelta(days=backtest.maturity_days)),
        left_out=backtests_words.left_out(result["left_out"]),
        recorded_differs=result["recorded_differs"],
        tiles=_tiles(result, review_cost) if result["judged"] else (),
        costs_in=result["costs"]["currency"],
        chart=_chart(result, names) if result["days"] else None,
        currencies=[_currency(one, names) for one in result["currencies"]],
        matrix=_matrix(result["outcomes"]),
        rules=[RuleRow(one, _share(one["precision"])) for one in result["rules"][:_MOST_RULES]],
        overlap=result["overlap"],
        causes=result["changes"][:_MOST_CAUSES],
        examples=[
            ExamplesPart(name, *words, _examples(result["examples"][name], cases, sight, unsaid))
            for name, words in _KINDS.items()
        ],
    )


def _share(found: Mapping[str, Any]) -> Share:
    return Share(found["part"], found["whole"])


def _currency(found: Mapping[str, Any], names: tuple[str, str]) -> CurrencyPart:
    titles = {"draft": names[0], "baseline": names[1], "recorded": "As decided then"}
    rows = [
        SideRow(title, found[side], _share(found[side]["precision"]), _share(found[side]["recall"]))
        for side, title in titles.items()
    ]
    return CurrencyPart(found["currency"], found["payments"], rows)


def _matrix(outcomes: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[int]]]:
    """Payments of all currencies: a row for each outcome of the baseline, a column for each of the draft."""
    return [
        (before, [sum(one["payments"] for one in outcomes if (one["baseline"], one["draft"]) == (before, after))
                  for after in _OUTCOMES])
        for before in _OUTCOMES
    ]  # fmt: skip


def _tiles(result: Mapping[str, Any], review_cost: Decimal | None) -> list[Tile]:
    main = result["currencies"][0]
    draft, baseline, currency = main["draft"], main["baseline"], main["currency"]
    frauds, bothered = (_both(result, name) for name in ("frauds_caught", "false_positives"))
    known = frauds[1] + sum(one["draft"]["frauds_missed"] for one in result["currencies"])
    money = [Decimal(side["money_stopped"]) for side in (baseline, draft)]
    return [
        Tile(
            "Frauds stopped",
            _signed(frauds[1] - frauds[0]),
            "Declined or sent to review, and fraud by label",
            note=f"{frauds[0]:,} in force, {frauds[1]:,} tried, of {known:,} known",
        ),
        Tile(
            "Money stopped",
            _money(money[1] - money[0], currency),
            "Of those frauds, in the busiest currency",
            currency,
            f"{wording.amount(money[0], currency)} in force, {wording.amount(money[1], currency)} tried",
        ),
        Tile(
            "Customers bothered",
            _signed(bothered[1] - bothered[0]),
            "Declined or sent to review, and legitimate by label or taken so",
            note=f"{bothered[0]:,} in force, {bothered[1]:,} tried",
        ),
        _alerts(result["alerts"]),
        *_value(result, review_cost),
    ]


def _alerts(alerts: Mapping[str, Any]) -> Tile:
    draft, before = alerts["draft"], backtests_words.shown(alerts["baseline"]["a_day"])
    over = f"over {alerts['capacity']:,} on {draft['days_over']:,} of {alerts['days']:,} days"
    return Tile(
        "Alerts a day",
        backtests_words.shown(draft["a_day"]),
        "Payments declined or sent to review",
        note=f"{before} in force; at most {draft['most']:,}, {over}",
    )


def _value(result: Mapping[str, Any], review_cost: Decimal | None) -> list[Tile]:
    """What the change is worth, where the costs are in the currency of some payments."""
    costs = result["costs"]
    found = next((one for one in result["currencies"] if one["net_value"] is not None), None)
    if found is None:
        return []
    currency, flagged = costs["currency"], found["draft"]["flagged"] - found["baseline"]["flagged"]
    value, note = Decimal(found["net_value"]), "without the cost of reviews, of which nothing is known yet"
    if review_cost is not None:
        value -= review_cost * flagged
        note = f"less {review_cost:,.2f} {currency} for the review of each of {_signed(flagged)} alerts"
    counts = f"Fraud stopped less {costs['false_positive']} {currency} a bothered customer, of payments in {currency}"
    return [Tile("Net value", _money(value, currency), counts, currency, note=note)]


def _both(result: Mapping[str, Any], name: str) -> tuple[int, int]:
    """Of baseline and draft, all currencies."""
    baseline, draft = (sum(one[side][name] for one in result["currencies"]) for side in ("baseline", "draft"))
    return baseline, draft


def _signed(number: int) -> str:
    return f"{number:+,}".replace("-", "−") if number else "±0"


def _money(value: Decimal, currency: str) -> str:
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return f"{sign}{wording.amount(abs(value), currency)}"


def _chart(result: Mapping[str, Any], names: tuple[str, str]) -> Chart:
    days, capacity = result["days"], result["alerts"]["capacity"]
    columns = [f"{date.fromisoformat(one['day']):%a %-d %b}" for one in days]
    draft, baseline = ([float(one[side]["alerts"]) for one in days] for side in ("draft", "baseline"))
    over = result["alerts"]["draft"]["days_over"]
    return draw(
        Picture(
            name="alerts",
            title="Alerts a day",
            words=f"{over} of {len(days)} days over the {capacity:,} that the team can review",
            columns=columns,
            ticks=[f"{date.fromisoformat(one['day']):%-d %b}" for one in days],
            series=[
                Series("Tried", "accent", draft),
                Series("In force", "warn", baseline, is_line=True),
                Series("Capacity", "fraud-dashed", [float(capacity)] * len(days), is_line=True),
            ],
            on_axis=short,
            header=["Day", "Payments", names[0], "its cards", names[1], "their cards"],
            rows=[
                (name, f"{one['payments']:,}", *(f"{one[side][what]:,}" for side in ("draft", "baseline")
                                                 for what in ("alerts", "cards")))
                for name, one in zip(columns, days, strict=True)
            ],
            least_step=1.0,
        )
    )  # fmt: skip


def _examples(
    found: Sequence[Mapping[str, Any]], cases: Mapping[int, Case], sight: Sight, unsaid: Collection[int]
) -> list[Example]:
    return [_example(one, cases.get(one["decision_id"]), sight) for one in found if one["decision_id"] not in unsaid]


def _example(payment: Mapping[str, Any], case: Case | None, sight: Sight) -> Example:
    is_hidden = case is not None and sight.hides_score(case.id, case.status)
    return Example(
        payment=payment,
        occurred_at=datetime.fromisoformat(payment["occurred_at"]),
        amount=Decimal(payment["amount"]),
        case_id=case.id if case else None,
        why=None if is_hidden else payment["why"],
    )
