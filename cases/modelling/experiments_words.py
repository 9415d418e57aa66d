"""What an experiment says, in sentences. Pure."""

from datetime import date
from math import isfinite

from cases import words
from scoring.ml.experiments.judging import FEWEST_HITS, Standing, State
from scoring.models import Experiment

Metric, End = Experiment.Metric, Experiment.End
MINUS = "\N{MINUS SIGN}"
_SHARES = (Metric.PRECISION, Metric.FRAUD_RATE)


def is_share(metric: str) -> bool:
    """Whether the metric is a share of payments; else it is money."""
    return metric in _SHARES


def unit(metric: str, currency: str) -> str:
    return "points" if is_share(metric) else f"{currency} per payment"


def number(value: float, metric: str) -> str:
    """With what it takes to be told from zero: `0.021`, `5.2`; points of a share given as 0-1."""
    shown = value * 100 if is_share(metric) else value
    if not isfinite(shown):
        return "unknown"
    size = abs(shown)
    digits = 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.01 else 4
    return f"{shown:,.{digits}f}".replace("-", MINUS)


def signed(value: float, metric: str) -> str:
    text = number(value, metric)
    return text if value <= 0 or not isfinite(value) else f"+{text}"


def level(value: float, metric: str, currency: str) -> str:
    """A figure of one arm: `38.2 %`, `0.31 EUR`."""
    return f"{number(value, metric)} {'%' if is_share(metric) else currency}"


def difference(value: float, metric: str, currency: str) -> str:
    """`loses 0.021 EUR less per payment`, `has 5.2 points more precise alerts`."""
    size, is_more = number(abs(value), metric), value > 0
    if metric == Metric.LOSS:
        return f"loses {size} {currency} {'more' if is_more else 'less'} per payment"
    what = "a precision of alerts" if metric == Metric.PRECISION else "a fraud rate among approved payments"
    return f"has {what} {size} points {'higher' if is_more else 'lower'}"


def progress(days: int, planned: int) -> str:
    if days > planned:
        return f"After {words.count(days, 'day')}, {planned} of them planned"
    return f"After {days} of {words.count(planned, 'planned day')}"


def so_far(standing: Standing, experiment: Experiment) -> str:
    """What the last look shows, and whether the rule has decided by it."""
    metric = experiment.metric
    head = progress(standing.day, experiment.planned_days)
    if standing.state == State.TOO_FEW:
        fewest = "an alert that was fraud" if metric == Metric.PRECISION else "fraud or a cost"
        return f"{head}: too little to judge. Each arm needs {FEWEST_HITS} cards with {fewest}"
    said = difference(standing.difference.value, metric, experiment.currency)
    # A rule of planned looks has its own bounds, and on the days between an interval that judges nothing.
    kind = "always-valid" if not (experiment.looks and standing.is_planned_look) else "planned-look"
    ends = f"{signed(standing.low, metric)} to {signed(standing.high, metric)}"
    return f"{head}: the challenger {said} ({kind} {100 * (1 - experiment.alpha):.0f} % interval {ends})"


def verdict(state: State, experiment: Experiment) -> str:
    """What a decided look means."""
    return {
        State.BETTER: "The challenger is better.",
        State.WORSE: "The challenger is worse.",
        State.ALIKE: f"No difference worth knowing: whatever it is, it is less than {worth_knowing(experiment)}.",
    }.get(state, "Not yet decided.")


def worth_knowing(experiment: Experiment) -> str:
    return f"{number(experiment.least_effect, experiment.metric)} {unit(experiment.metric, experiment.currency)}"


def forecast(day: date | None) -> str:
    if day is None:
        return "If nothing changes, it is not in sight when this will be known."
    return f"If nothing changes, expect to know by {day:%-d %B %Y}."


def ended(experiment: Experiment) -> str:
    """How it ended, in one line."""
    by = f" by {words.person(experiment.ended_by)}" if experiment.ended_by else ""
    at = experiment.ended_at
    return f"Ended {at:%-d %B %Y}{by}: {End(experiment.end).label}." if at else ""
