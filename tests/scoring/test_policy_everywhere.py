"""The same policy says the same of the same payments, whichever way they come and whenever it is asked."""

import pytest
from hypothesis import HealthCheck, assume, given, settings

from scoring.rules.language import RuleError, compile_condition
from tests.scoring.everywhere_world import WAYS, Scene, scenes, set_up, undone

LIMITS = ("make two rules", "costs", "reads no field")


def can_be_compiled(scene: Scene) -> bool:
    """Whether each rule keeps the limits of the language, which drawn ones may not."""
    try:
        for rule in scene.rules:
            compile_condition(rule.expression)
    except RuleError as error:
        if any(limit in str(error) for limit in LIMITS):
            return False
        raise
    return True


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(scene=scenes())
def test_a_policy_says_the_same_everywhere(scene):
    assume(can_be_compiled(scene))
    answers = {}
    with set_up(scene) as live:
        for way in WAYS:
            with undone():
                answers[way.__name__] = way(scene, live)

    first = answers[WAYS[0].__name__]
    assert len(first) == len(scene.payments)
    assert {name: said for name, said in answers.items() if said != first} == {}
