"""What a plan can see and when: the power of an experiment before it starts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil, isfinite

from cases import words
from cases.modelling import experiments_words as say
from cases.modelling.experiments_queries import Baseline
from scoring.ml.experiments.judging import FEWEST_HITS
from scoring.ml.experiments.power import (
    Plan,
    Traffic,
    days_needed,
    detectable_effect,
    sample_size_proportions,
    units_an_arm,
)
from scoring.models import Experiment
from scoring.services.experiments import ExperimentPlan

_DAYS = (7, 14, 28, 56, 84)
_LOOKS = {0: "on any day", 5: "on 5 planned days", 1: "once, on the last day"}
_TOO_LONG = 730


@dataclass(frozen=True)
class PlanPage:
    """now: the traffic in words. answer: whether the planned days are enough. rules: days needed by kind of look."""

    now: str
    answer: str
    is_enough: bool
    rules: Sequence[tuple[str, str, str, bool]]
    by_day: Sequence[tuple[str, str]]
    notes: Sequence[str]


def plan_page(wanted: ExperimentPlan, share: float, baseline: Baseline, *, at: datetime) -> PlanPage:
    """What this plan means with the traffic as it has been."""
    plan = Plan(wanted.least_effect, share, wanted.alpha, wanted.power, wanted.looks)
    needed = days_needed(plan, baseline.traffic)
    kinds = {wanted.looks: f"on {wanted.looks} planned days", **_LOOKS}
    rules = [_rule(replace(plan, looks=looks), title, baseline.traffic, looks == wanted.looks)
             for looks, title in kinds.items()]  # fmt: skip
    days = sorted({*_DAYS, wanted.planned_days})
    return PlanPage(
        now=_now(wanted, baseline),
        answer=_answer(wanted, plan, baseline, at=at),
        is_enough=needed <= wanted.planned_days,
        rules=rules,
        by_day=[(f"{day:,}", _least(detectable_effect(plan, baseline.traffic, day), wanted)) for day in days],
        notes=_notes(wanted, share, baseline),
    )


def _rule(plan: Plan, title: str, traffic: Traffic, is_chosen: bool) -> tuple[str, str, str, bool]:
    return title, _days(days_needed(plan, traffic)), f"{units_an_arm(plan, traffic):,}", is_chosen


def _days(days: float) -> str:
    return words.count(ceil(days), "day") if days <= _TOO_LONG else "more than two years"


def _least(effect: float, wanted: ExperimentPlan) -> str:
    return f"{say.number(effect, wanted.metric)} {say.unit(wanted.metric, wanted.currency)}"


def _now(wanted: ExperimentPlan, baseline: Baseline) -> str:
    traffic = baseline.traffic
    last = baseline.until - timedelta(microseconds=1)
    units = "alerts of which something is known" if wanted.metric == Experiment.Metric.PRECISION else "payments"
    return (
        f"In the {words.count(ceil(baseline.days), 'day')} to {last:%-d %B %Y}: {traffic.units_a_day:,.0f} {units}"
        f" a day on {words.count(baseline.cards, 'card')}, {Experiment.Metric(wanted.metric).label.lower()}"
        f" {say.level(traffic.ratio, wanted.metric, wanted.currency)}."
    )


def _answer(wanted: ExperimentPlan, plan: Plan, baseline: Baseline, *, at: datetime) -> str:
    needed = days_needed(plan, baseline.traffic)
    least = _least(wanted.least_effect, wanted)
    sees = _least(detectable_effect(plan, baseline.traffic, wanted.planned_days), wanted)
    lag = 0 if wanted.metric == Experiment.Metric.PRECISION else wanted.maturity_days
    known = at + timedelta(days=wanted.planned_days + lag)
    if needed <= wanted.planned_days:
        return (
            f"Enough: a difference of {least} is seen {wanted.power:.0%} of the time within {_days(needed)} of"
            f" payments; {words.count(wanted.planned_days, 'planned day')} see {sees}, and are known by"
            f" {known:%-d %B %Y}."
        )
    return (
        f"Not enough: to see {least} {wanted.power:.0%} of the time takes {_days(needed)} of payments."
        f" The {words.count(wanted.planned_days, 'planned day')} see {sees} or more. Plan more days, a larger share, or"
        " a larger difference."
    )


def _notes(wanted: ExperimentPlan, share: float, baseline: Baseline) -> list[str]:
    found = []
    ratio = baseline.traffic.ratio
    if say.is_share(wanted.metric):
        effect = design_effect(baseline.traffic)
        found.append(f"Payments of one card resemble each other: {effect:.1f} of them count as one of different cards.")
        other = ratio - wanted.least_effect if ratio > wanted.least_effect else ratio + wanted.least_effect
        if 0 < other < 1:
            alone = sample_size_proportions(ratio, other, alpha=wanted.alpha, power=wanted.power)
            found.append(f"If no card came twice, one look would need {alone:,} in each arm.")
    a_day = baseline.hits * share / baseline.days
    if a_day * wanted.planned_days < FEWEST_HITS:
        found.append(
            f"The challenger's arm would have about {a_day * wanted.planned_days:.0f} cards with anything to count in"
            f" {words.count(wanted.planned_days, 'day')}; below {FEWEST_HITS} nothing is decided."
        )
    return found


def design_effect(traffic: Traffic) -> float:
    """How many units of a share count as one, because cards come back."""
    alone = traffic.ratio * (1 - traffic.ratio)
    return traffic.unit_variance / alone if alone > 0 and isfinite(traffic.unit_variance) else 1.0
