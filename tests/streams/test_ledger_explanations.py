"""The ledger check over explanations: each alert has one, or waits for it."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils.timezone import now

from cases.models import Alert
from cases.services.audit import number_of, set_audit
from cases.services.review_settings import current_settings
from scoring.models import Explanation, Outbox
from scoring.services.explaining import leave_for_explaining
from streams.outbox import relay_outbox
from tests.scoring.payments import body_of
from tests.streams.ledger_world import World, a_day_of_work, broken, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(monkeypatch) -> World:
    return a_day_of_work(monkeypatch)


def explained_since(at: datetime) -> None:
    """The table of explanations was made at this time."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET applied = %s WHERE name = '0023_explanation'", [at])


def test_an_alert_without_explanation_is_found_unless_it_is_on_its_way(world):
    (alert,) = Alert.objects.all()
    assert run()[1]["B"]["counts"]["explained alerts"] == 1

    Explanation.objects.all().delete()
    assert "has an alert and no explanation" in run()[1]["B"]["examples"][0]

    leave_for_explaining([alert.decision_id])
    assert broken() == ""


def test_what_chance_alone_brought_to_the_desk_has_nothing_to_explain(world):
    set_audit(share=0.05, daily_reviews=1_000, actor=None, now=now())
    salt = current_settings().salt
    drawn = next(name for name in map(str, range(10_000)) if number_of(salt, name) < 0.05)
    world.send(body_of(transaction_id=drawn, card_id="card-quiet"))
    world.work()
    while relay_outbox():
        pass

    assert Alert.objects.filter(decision__transaction_id=drawn).exists()
    assert not Explanation.objects.filter(decision__transaction_id=drawn).exists()
    assert not Outbox.objects.filter(topic=Outbox.Topic.EXPLANATIONS).exists()
    assert broken() == ""


def test_an_alert_of_before_they_were_made_and_of_the_upgrade_is_in_order(world):
    Explanation.objects.all().delete()

    explained_since(now() + timedelta(seconds=1))
    assert broken() == ""

    # A program of before goes on for a while beside the new table.
    world.send(body_of(card_id="card-later", amount=9000))
    world.work()
    Explanation.objects.all().delete()
    explained_since(Alert.objects.latest("id").created_at - timedelta(microseconds=1))
    assert Alert.objects.count() == 2
    assert broken() == ""


def test_where_nothing_was_flagged_before_every_alert_is_looked_at(world):
    Explanation.objects.all().delete()
    explained_since(now() - timedelta(minutes=5))

    assert "has an alert and no explanation" in run()[1]["B"]["examples"][0]
