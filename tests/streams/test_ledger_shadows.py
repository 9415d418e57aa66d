"""The ledger check holds what versions in shadow have counted against the decisions."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from scoring.models import Decision, Outbox, Policy, ShadowFigures, ShadowModelFigures, ShadowRuleFigures
from scoring.services.line_up import recheck_models
from scoring.services.model_stages import put_in_shadow
from streams.ledger.log import Span
from streams.ledger.report import Check
from streams.ledger.shadows import check_shadows
from streams.outbox import relay_outbox
from tests.factories import DAY
from tests.scoring.degraded import decide, some
from tests.scoring.model_world import make_model
from tests.scoring.payments import body_of, publish
from tests.scoring.shadow_world import broken_rule, leave_shadow, shadow
from tests.streams.ledger_world import BIG, World, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db, monkeypatch) -> World:
    publish()
    return World(monkeypatch)


@pytest.fixture
def tried(world) -> Policy:
    """A version that has judged two payments of the stream."""
    policy = shadow()
    world.send(body_of(), body_of(**BIG))
    world.work()
    return policy


def looked_at(until=None) -> Check:
    check = Check("B", "", "")
    check_shadows(check, Span(until=until))
    return check


def test_what_was_counted_once_holds_and_files_are_no_part_of_it(world, tried):
    decide(world.store, *some(3), has_effects=False)
    Decision.objects.filter(source="api").update(source="file:history.csv")

    code, checks = run()

    assert (code, checks["B"]["counts"]["decisions judged in shadow"]) == (0, 2)


def test_what_was_counted_twice_or_not_at_all_is_found(tried):
    ShadowFigures.objects.filter(outcome="approve").update(payments=2)
    assert f"version {tried.version}, in shadow, counts 3 payments" in looked_at().examples[0]

    ShadowFigures.objects.filter(outcome="approve").delete()
    assert looked_at().faults == 1
    ShadowFigures.objects.all().delete()
    assert looked_at().faults == 2


def test_what_is_on_its_way_or_could_not_be_judged_is_no_fault(world, tried):
    broken_rule(shadow(since=now()), "small")
    decide(world.store, *some(2))
    assert Outbox.objects.filter(topic="shadow").exists()
    assert looked_at().faults == 0

    relay_outbox()

    assert ShadowRuleFigures.objects.filter(code="", failures=2).exists()
    assert looked_at().faults == 0


def test_payments_of_before_a_version_was_in_shadow_are_not_asked_for(tried):
    shadow(since=now() + timedelta(seconds=1))

    assert looked_at().faults == 0


def test_payments_of_the_seconds_in_which_processes_hear_of_it_may_be_missing(world, tried):
    decide(world.store, *some(2), has_effects=False)
    leave_shadow(tried)
    late = shadow(since=now() - timedelta(seconds=5))
    assert looked_at().faults == 0

    Policy.objects.filter(id=late.id).update(shadow_since=now() - timedelta(minutes=2))
    assert looked_at().faults == 4


def test_other_days_and_versions_that_left_are_not_looked_at(tried):
    ShadowFigures.objects.all().delete()
    assert looked_at(until=now() - DAY).faults == 0
    assert looked_at().faults == 2

    leave_shadow(tried)

    assert looked_at().faults == 0


def test_what_a_model_in_shadow_counted_twice_or_not_at_all_is_found(world):
    make_model()
    put_in_shadow(version="m-1", by=None, at=now() - DAY)
    recheck_models()
    world.send(body_of(), body_of(**BIG))
    world.work()
    assert looked_at().faults == 0

    ShadowModelFigures.objects.filter(outcome="approve").update(payments=3)
    assert "model m-1, in shadow, counts 4 payments" in looked_at().examples[0]
    ShadowModelFigures.objects.all().delete()
    assert looked_at().faults == 2


def test_what_is_on_its_way_to_a_model_is_no_fault(world):
    make_model()
    put_in_shadow(version="m-1", by=None, at=now() - DAY)
    recheck_models()
    decide(world.store, *some(2))

    assert Outbox.objects.filter(topic="shadow-models").exists()
    assert looked_at().faults == 0
