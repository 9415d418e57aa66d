"""A verdict, and its effects once the time to undo is over."""

from cases.services import verdict_effects, verdicts
from tests.factories import MINUTE, NOON


def decide(case, analyst, verdict="fraud", **others):
    return verdicts.record(case=case, analyst=analyst, verdict=verdict, **{"decided_at": NOON} | others)


def settle(after=MINUTE):
    return verdict_effects.settle_due(now=NOON + after)
