"""The relay hands decisions to the versions in shadow: each once whatever dies, and nobody waits for them."""

import os
import signal
import sys
import textwrap
from subprocess import Popen

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Sum
from django.utils.timezone import now

from cases.models import Alert
from scoring.models import Outbox, ShadowModelFigures, ShadowScore
from scoring.services import shadow as service
from scoring.services.model_stages import put_in_shadow
from streams import outbox
from streams.outbox import relay_outbox
from tests.factories import MINUTE
from tests.scoring.model_world import make_model
from tests.scoring.payments import body_of, publish
from tests.scoring.shadow_world import changed, figures, rule_figures, shadow
from tests.streams.flow import run, send
from tests.waiting import wait_until

# A relay that has written all down, and is told nothing more.
DYING = textwrap.dedent("""
    import os, signal, sys
    import django
    django.setup()
    from django.db.models import QuerySet
    from scoring.models import Outbox
    from streams import outbox

    def die(self):
        os.kill(os.getpid(), signal.SIGKILL)

    QuerySet.delete = die
    outbox._relay_topic(Outbox.Topic.SHADOW, outbox.DELIVERIES[Outbox.Topic.SHADOW])
""")


@pytest.mark.django_db
@pytest.mark.usefixtures("policy")
def test_the_relay_judges_what_came_by_the_stream(stream, store, published):
    policy = shadow()
    send(stream, body_of(transaction_id="a", amount=20), body_of(amount=5), body_of(amount=9000), key="card-1")
    run(stream, store)

    # Decisions, alerts and what explains them, and what is judged in shadow.
    assert relay_outbox() == 4

    assert figures(policy) == {("approve", "approve"): 1, ("approve", "review"): 1, ("decline", "review"): 1}
    assert changed(policy)["a"] == ("review", ["small"])
    assert not Outbox.objects.exists()
    assert Alert.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("policy")
def test_alerts_have_their_turn_between_what_is_judged_in_shadow(stream, store, published, monkeypatch):
    shadow()
    monkeypatch.setattr(outbox, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(settings, "STREAM_BATCH_SIZE", 1)
    send(stream, *(body_of(amount=20) for _ in range(3)))
    run(stream, store)
    seen = []

    def judge(ids):
        seen.append(Alert.objects.count())
        if len(seen) == 1:
            send(stream, body_of(amount=9000))
            run(stream, store)

    monkeypatch.setattr(outbox, "judge_in_shadow", judge)
    relay_outbox()

    assert seen == [0, 1, 1, 1]


@pytest.mark.django_db
@pytest.mark.usefixtures("policy")
def test_shadows_that_fail_hold_up_no_other_topic_and_are_tried_again(stream, store, published, monkeypatch):
    policy = shadow()
    send(stream, body_of(amount=9000))
    run(stream, store)

    def fail(ids):
        raise RuntimeError("no memory")

    with monkeypatch.context() as broken:
        broken.setattr(outbox, "judge_in_shadow", fail)
        assert relay_outbox() == 3
    assert list(Outbox.objects.values_list("topic", flat=True)) == ["shadow"]

    assert relay_outbox() == 1
    assert figures(policy) == {("decline", "review"): 1}


@pytest.mark.django_db(transaction=True)
def test_a_relay_killed_before_its_commit_has_counted_nothing_and_the_next_counts_once(stream, store, published):
    publish()
    policy = shadow()
    send(stream, body_of(amount=20), body_of(amount=9000))
    run(stream, store)

    assert _killed_relay() == -signal.SIGKILL
    wait_until(lambda: not _others_are_at_it(), seconds=20)
    assert (figures(policy), rule_figures(policy)) == ({}, {})

    relay_outbox()

    assert figures(policy) == {("approve", "review"): 1, ("decline", "review"): 1}
    assert rule_figures(policy) == {"small": (2, 0), "large": (1, 0)}
    assert len(changed(policy)) == 2


@pytest.mark.django_db(transaction=True)
def test_a_killed_relay_has_scored_nothing_for_a_model_and_the_next_scores_once(stream, store, published):
    publish()
    make_model()
    model = put_in_shadow(version="m-1", by=None, at=now() - MINUTE)
    send(stream, body_of(amount=20), body_of(amount=9000))
    run(stream, store)

    assert _killed_relay("SHADOW_MODELS") == -signal.SIGKILL
    wait_until(lambda: not _others_are_at_it("scoring_shadowmodelfigures"), seconds=20)
    assert not ShadowModelFigures.objects.exists()

    relay_outbox()

    assert ShadowModelFigures.objects.filter(model=model).aggregate(all=Sum("payments")) == {"all": 2}
    assert ShadowScore.objects.filter(model=model, decision__amount=9000).count() == 1
    assert not Outbox.objects.exists()


def _killed_relay(topic: str = "SHADOW") -> int:
    database = connection.settings_dict
    address = settings.DATABASE_URL.rpartition("/")[0] + "/" + str(database["NAME"])
    dying = DYING.replace("Topic.SHADOW", f"Topic.{topic}")
    with Popen([sys.executable, "-c", dying], env=os.environ | {"DATABASE_URL": address}) as process:
        return process.wait(60)


def _others_are_at_it(table: str = "scoring_shadowfigures") -> bool:
    """Whether PostgreSQL has yet to notice that the other process is gone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation"
            " WHERE relname = %s AND mode = 'RowExclusiveLock' AND pid <> pg_backend_pid()",
            [table],
        )
        return bool(cursor.fetchone()[0])


def test_policies_that_are_judged_are_kept_in_memory_few():
    assert service._compiled.cache_info().maxsize == 32
