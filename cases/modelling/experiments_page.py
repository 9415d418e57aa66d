"""The page of one experiment: what its recorded looks say. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from math import sqrt
from typing import Any

from cases import money
from cases.charts.chart import Chart
from cases.modelling import experiments_words as say
from cases.modelling.experiments_drawing import drawing
from cases.modelling.experiments_warnings import warnings_of
from scoring.intervals import Z
from scoring.ml.experiments.comparing import CardSums, compare_with_care, two_proportions
from scoring.ml.experiments.judging import Look, Rule, Standing, State, expected_day, first_decided, standing_at
from scoring.models import Experiment, ExperimentLook
from scoring.queries_experiments import ALL, CHALLENGER, CHAMPION
from scoring.services.experiments import counted_days, rule_of

Metric = Experiment.Metric
_NOTHING = CardSums(0, 0, 0, 0, 0, 0, 0)
_ARMS = (CHAMPION, CHALLENGER)


@dataclass(frozen=True)
class Row:
    """A figure of both arms, and how sure their difference is. main: the one the experiment is about."""

    title: str
    champion: str
    challenger: str
    difference: str
    words: str
    is_main: bool = False


@dataclass(frozen=True)
class Part:
    """The figures of one currency, or of all payments."""

    title: str
    counts: Sequence[tuple[str, str, str]]
    rows: Sequence[Row]


@dataclass(frozen=True)
class ExperimentPage:
    """headline: the state in one sentence. method: what stands behind it. looked_at: the day of the last look."""

    headline: str
    verdict: str
    is_decided: bool
    looked_at: date | None
    method: str
    warnings: Sequence[str]
    parts: Sequence[Part]
    chart: Chart | None


def experiment_page(experiment: Experiment, looks: Sequence[ExperimentLook]) -> ExperimentPage:
    """From the looks in the order of days, as they were recorded."""
    rule = rule_of(experiment)
    standings = [standing_at(_look(experiment, one), rule) for one in looks]
    counted = [(one.day, standing) for one, standing in zip(looks, standings, strict=True) if standing.day]
    known = [(day, standing) for day, standing in counted if standing.state != State.TOO_FEW]
    figures: Mapping[str, Any] = looks[-1].figures if looks else {}
    return ExperimentPage(
        headline=_headline(experiment, counted),
        verdict=_verdict(experiment, counted, rule),
        is_decided=first_decided(standings) is not None,
        looked_at=looks[-1].day if looks else None,
        method=_method(known[-1][1], experiment) if known else "",
        warnings=warnings_of(experiment, figures) if figures else [],
        parts=[_part(name, arms, experiment) for name, arms in figures.get("arms", {}).items()],
        chart=drawing(counted, experiment) if known else None,
    )


def first_known(experiment: Experiment) -> date:
    """The day after which the first payments count."""
    lag = 0 if experiment.metric == Metric.PRECISION else experiment.maturity_days
    return experiment.started_at.date() + timedelta(days=lag)


def _look(experiment: Experiment, recorded: ExperimentLook) -> Look:
    arms = recorded.figures["arms"].get(_place(experiment.metric, experiment.currency), {})
    champion, challenger = (_sums(arms.get(name), experiment.metric) for name in _ARMS)
    return Look(counted_days(experiment, recorded.day), champion, challenger)


def _place(metric: str, currency: str) -> str:
    return currency if metric == Metric.LOSS else ALL


def _sums(arm: Mapping[str, Any] | None, metric: str) -> CardSums:
    return CardSums.read(arm["sums"][metric]) if arm else _NOTHING


def _headline(experiment: Experiment, counted: Sequence[tuple[date, Standing]]) -> str:
    if not counted:
        first = first_known(experiment)
        return f"Nothing is known yet. The first payments count at the end of {first:%-d %B %Y} (UTC)."
    return f"{say.so_far(counted[-1][1], experiment)}."


def _verdict(experiment: Experiment, counted: Sequence[tuple[date, Standing]], rule: Rule) -> str:
    if not counted:
        return ""
    decided = first_decided([standing for _, standing in counted])
    if decided is not None:
        on = next(day for day, standing in counted if standing is decided)
        return f"Decided by {on:%-d %B %Y}. {say.verdict(decided.state, experiment)}"
    if experiment.end:
        return "It ended before anything was decided."
    standing = counted[-1][1]
    if standing.state == State.TOO_FEW:
        return "Not yet decided."
    if rule.plan.looks and standing.day >= rule.days:
        return "The last planned look is over and decided nothing: a difference worth knowing is not likely."
    day = expected_day(standing, rule)
    at = first_known(experiment) + timedelta(days=day) if day is not None else None
    return f"Not yet decided. {say.forecast(at)}"


def _method(standing: Standing, experiment: Experiment) -> str:
    rule = "any day may be the last" if not experiment.looks else f"at {experiment.looks} planned looks"
    return (
        f"Judged by card; {rule}. A test for one single look would say p = {standing.difference.p_value:.3f} today:"
        " right once, on the planned day, and far too sure of itself when it is looked at daily."
    )


def _part(name: str, arms: Mapping[str, Any], experiment: Experiment) -> Part:
    both = [arms.get(arm) for arm in _ARMS]
    names = (Metric.PRECISION, Metric.FRAUD_RATE) if name == ALL else (Metric.LOSS,)
    rows = [_row(metric, name, both, experiment) for metric in names]
    if name == ALL:
        rows += [
            _cards("Cards with a fraud let through", both, "cards_missed", "cards_approved"),
            _cards("Cards with a good payment stopped", both, "cards_bothered", "cards"),
        ]
    return Part("All payments" if name == ALL else name, _counts(name, both), rows)


def _row(metric: Metric, name: str, both: Sequence[Mapping[str, Any] | None], experiment: Experiment) -> Row:
    champion, challenger = (_sums(arm, metric) for arm in both)
    found = compare_with_care(champion, challenger)
    low, high = found.interval(experiment.alpha)
    title = metric.label
    if metric == Metric.LOSS and name != experiment.currency:
        title = "Fraud let through per payment"
    return Row(
        title=title,
        champion=_level(champion, metric, name),
        challenger=_level(challenger, metric, name),
        difference=say.signed(found.value, metric) if found.information else "unknown",
        words=f"{say.signed(low, metric)} to {say.signed(high, metric)}" if found.information else "too few to tell",
        is_main=metric == experiment.metric and name == _place(metric, experiment.currency),
    )


def _level(sums: CardSums, metric: Metric, currency: str) -> str:
    """A figure with its interval of 95 %, by card."""
    if sums.cards < 2:
        return "none yet"
    reach = Z * sqrt(sums.variance)
    low, high = max(0.0, sums.ratio - reach), sums.ratio + reach
    if metric != Metric.LOSS:
        high = min(1.0, high)
    shown = say.level(sums.ratio, metric, currency)
    return f"{shown} ({say.number(low, metric)} to {say.number(high, metric)})"


def _cards(title: str, both: Sequence[Mapping[str, Any] | None], part: str, whole: str) -> Row:
    """A share of cards: each is counted once, so the plain test of two shares holds."""
    pairs = [(arm[part], arm[whole]) if arm else (0, 0) for arm in both]
    champion, challenger = (
        f"{part / whole:.2%} ({part:,} of {whole:,})" if whole else "none yet" for part, whole in pairs
    )
    (first, of_first), (second, of_second) = pairs
    gap = second / of_second - first / of_first if of_first and of_second else 0.0
    p_value = two_proportions((first, second), (of_first, of_second))
    return Row(title, champion, challenger, f"{gap:+.2%}".replace("-", say.MINUS), f"p = {p_value:.3f}")


def _counts(name: str, both: Sequence[Mapping[str, Any] | None]) -> list[tuple[str, str, str]]:
    titles = {
        "cards": "Cards",
        "payments": "Payments",
        "flagged": "Alerts",
        "declined": "of them declined",
        "frauds": "Frauds known",
        "caught": "of them flagged",
        "missed": "of them approved",
        "bothered": "Good payments flagged",
        "unknown": "Not known yet",
    }
    counts = [(title, *(f"{arm[key]:,}" if arm else "0" for arm in both)) for key, title in titles.items()]
    if name != ALL:
        sums = {"missed_money": "Fraud let through", "caught_money": "Fraud stopped"}
        counts += [
            (f"{title}, {name}", *(money.shown(Decimal(arm[key]), name) if arm else "0" for arm in both))
            for key, title in sums.items()
        ]
    return [(title, first, second) for title, first, second in counts]
