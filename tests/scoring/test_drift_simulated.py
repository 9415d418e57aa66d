"""Drift on the simulator, in small: four weeks like the training raise nothing in vain, larger amounts are found."""

import pytest

from bench.drift import Simulated
from scoring.ml.drift_signs import Severity

# It stays known for ever that a shop had a fraud: of a young history this truly changes from week to week.
GROWS = {"feature merchant_since_fraud", "missing merchant_since_fraud"}


@pytest.fixture(scope="module")
def world() -> Simulated:
    return Simulated(2, 400)


def alarms(found: dict[int, dict[str, Severity]]) -> set[str]:
    return {code for codes in found.values() for code, one in codes.items() if one == Severity.ALARM}


def test_four_weeks_like_the_training_raise_hardly_an_alarm_but_of_what_grows(world):
    # Of a few hundred cards a busy one can still move a value of cards.
    assert len(alarms(world.alarms(world.vectors)) - GROWS) <= 1


def test_amounts_that_are_half_as_large_again_are_found_within_a_week(world):
    found = world.alarms(world.with_larger(1.5))

    first = next(night for night, codes in found.items() if alarms({night: codes}) - GROWS)
    assert first <= 7
    assert any("amount" in code for code in alarms(found))
