"""The ledger check knows which degraded decisions are to be scored again, and which of them have cases."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.utils.timezone import now

from cases.models import Alert, FeedEntry
from scoring.features.live import MemoryStore
from scoring.models import Decision, Outbox, Rescoring, RescoringDue
from scoring.services import rescoring
from scoring.services.features import settle_features
from streams.ledger import rescorings
from streams.outbox import relay_outbox
from tests.scoring.degraded import BUSY, come_back, decide, install, nowhere, some
from tests.scoring.degraded import CountModel as Model
from tests.scoring.payments import publish
from tests.streams.ledger_world import World, broken, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db, monkeypatch) -> World:
    """Three payments of a card decided without features and scored again: the third is flagged then."""
    publish(BUSY)
    install(monkeypatch, Model())
    world = World(monkeypatch)
    decide(nowhere(), *some(3))
    come_back(world.store)
    relay_outbox()
    return world


def test_an_approved_payment_has_a_case_where_scoring_it_again_flagged_it(world):
    assert Decision.objects.filter(outcome="approve").count() == 3
    assert (Alert.objects.count(), FeedEntry.objects.count()) == (1, 1)

    code, checks = run()

    assert code == 0
    assert checks["B"]["standing"] == "holds"
    assert checks["B"]["counts"]["degraded decisions scored again"] == 3


def test_an_alert_for_what_was_found_to_be_good_is_found(world):
    Rescoring.objects.filter(outcome="review").update(outcome="approve")

    assert "is approved and has an alert" in run()[1]["B"]["examples"][0]


def test_a_payment_flagged_later_without_alert_is_found_unless_it_is_on_its_way(world):
    found = Rescoring.objects.get(outcome="review")
    FeedEntry.objects.all().delete()
    Alert.objects.all().delete()
    assert "is found when scored again and has no alert" in run()[1]["B"]["examples"][0]

    Outbox.objects.create(topic="alerts", ids=[found.decision_id])
    assert broken() == ""


def test_a_degraded_decision_that_nobody_will_score_again_is_found(world):
    decide(nowhere(), *some(1))
    RescoringDue.objects.all().delete()

    assert "is not going to be scored again" in run()[1]["B"]["examples"][0]


@pytest.mark.parametrize("lost", [slice(1), slice(1, 2), slice(2, None), slice(None)])
def test_one_whose_rescoring_is_gone_is_found_wherever_it_stood(world, lost):
    names = list(Rescoring.objects.order_by("decision_id").values_list("decision_id", flat=True))[lost]
    Rescoring.objects.filter(decision__in=names).delete()

    found = [words for words in run()[1]["B"]["examples"] if "is not going to be scored again" in words]
    assert len(found) == len(names)


def test_where_there_never_was_a_model_they_wait_until_one_of_them_is_lost(monkeypatch):
    publish(BUSY)
    World(monkeypatch)
    rows = decide(MemoryStore(), *some(3))
    relay_outbox()
    RescoringDue.objects.update(created_at=F("created_at") - timedelta(hours=1))

    _, checks = run()
    assert (checks["B"]["standing"], checks["B"]["counts"]["degraded decisions that wait"]) == ("holds", 3)

    RescoringDue.objects.filter(decision=rows[0]).delete()
    assert "is not going to be scored again" in run()[1]["B"]["examples"][0]


def test_where_there_never_was_a_model_one_that_has_its_features_back_does_not_wait_for_long(monkeypatch):
    publish(BUSY)
    world = World(monkeypatch)
    decide(nowhere(), *some(1))
    settle_features("", store=world.store)
    relay_outbox()
    assert broken() == ""

    RescoringDue.objects.update(ready_at=F("ready_at") - timedelta(minutes=2))
    assert "its parts are back, and it was not scored again" in run()[1]["B"]["examples"][0]


def noted_since(at: datetime) -> None:
    """The tables that note degraded decisions were made at this time."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET applied = %s WHERE name = '0008_rescoring'", [at])


def test_a_degraded_decision_of_before_they_were_noted_is_in_order(world):
    RescoringDue.objects.all().delete()
    Rescoring.objects.filter(outcome="approve").delete()
    noted_since(now() + timedelta(seconds=1))

    assert broken() == ""


@pytest.mark.parametrize(("hours", "letters"), [(1, ""), (0, "B")])
def test_programs_of_before_an_upgrade_may_go_on_for_their_time(world, monkeypatch, hours, letters):
    monkeypatch.setattr(rescorings, "UPGRADE_WITHIN", timedelta(hours=hours))
    noted_since(Decision.objects.order_by("decided_at")[1].decided_at)
    Rescoring.objects.filter(outcome="approve").delete()

    assert broken() == letters


def test_history_from_files_is_no_upgrade(world):
    noted_since(now() - timedelta(minutes=1))
    (before,) = decide(world.store, *some(1), has_effects=False)
    Decision.objects.filter(id=before.id).update(source="file:before", decided_at=now() - timedelta(hours=2))
    Rescoring.objects.filter(outcome="approve").delete()

    assert broken() == "B"


def test_where_nobody_knows_any_more_when_they_were_first_noted_each_is(world):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE name = '0008_rescoring'")
    assert broken() == ""

    Rescoring.objects.filter(outcome="approve").delete()
    assert broken() == "B"


def test_one_whose_parts_are_back_does_not_wait_for_long(world, monkeypatch):
    Rescoring.objects.update(rescored_at=F("rescored_at") - timedelta(hours=1))
    decide(nowhere(), *some(1))
    with monkeypatch.context() as patch:
        patch.setattr(rescoring, "ROWS_AT_ONCE", 0)
        come_back(world.store)
    relay_outbox()
    assert broken() == ""

    RescoringDue.objects.update(ready_at=F("ready_at") - timedelta(minutes=2))
    assert "its parts are back, and it was not scored again" in run()[1]["B"]["examples"][0]

    # Others of a long row of them have just been scored.
    Rescoring.objects.update(rescored_at=F("rescored_at") + timedelta(hours=1))
    assert run()[1]["B"]["standing"] == "holds in part"


def test_one_whose_part_is_away_may_wait(world, monkeypatch):
    decide(nowhere(), *some(1))
    relay_outbox()
    RescoringDue.objects.update(created_at=F("created_at") - timedelta(minutes=2))
    world.store.generations.clear()

    assert run()[1]["B"]["standing"] == "holds"
