"""Decisions made without a part are scored again once it is back: once, with what they should have had."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils.timezone import now

from scoring.features.definitions import INDEX, NAMES, VERSION
from scoring.features.live import MemoryStore
from scoring.models import Decision, ModelVersion, Outbox, Rescoring, RescoringDue
from scoring.services import decisions, rebuild
from scoring.services.features import settle_features
from scoring.services.labels import apply_labels
from scoring.services.policy import forget_policy
from scoring.services.rebuild import restore_features
from scoring.services.rescoring import rescore_due
from tests.factories import NOON, make_label
from tests.scoring.degraded import (
    BUSY,
    CountModel,
    come_back,
    decide,
    install,
    nowhere,
    some,
    vector_of,
    vectors_of_the_record,
)
from tests.scoring.payments import arrive, make_payment, publish

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _policy(db) -> None:
    publish(BUSY)


# --- features ------------------------------------------------------------------------------------------------------


def test_a_payment_decided_without_features_is_scored_with_those_it_should_have_had(champion):
    store = MemoryStore()
    decide(store, *some(2))
    (blind,) = decide(nowhere(), make_payment())

    come_back(store)

    found = Rescoring.objects.get()
    assert (found.decision_id, found.outcome, found.score, found.rule_hits) == (blind.id, "review", 0.2, ["busy"])
    assert (found.missing, found.model_version, found.policy_version) == ([], "by-count", 1)
    assert found.features == vectors_of_the_record()[-1].tobytes()
    assert "2 payments in a day" in found.reasons[0]["words"]
    assert not RescoringDue.objects.exists()


def test_what_was_answered_stays_what_is_stored(champion):
    decide(nowhere(), *some(3))
    before = list(Decision.objects.order_by("id").values())

    come_back(MemoryStore())

    assert list(Decision.objects.order_by("id").values()) == before
    assert [row["outcome"] for row in before] == ["approve"] * 3


def test_payments_of_one_card_see_each_other_in_their_order(champion):
    decide(nowhere(), *some(4))

    come_back(MemoryStore())

    found = Rescoring.objects.order_by("decision_id")
    assert [vector_of(row)[INDEX["card_count_24h"]] for row in found] == [0.0, 1.0, 2.0, 3.0]
    assert [row.features for row in found] == [vector.tobytes() for vector in vectors_of_the_record()]


def test_payments_of_one_call_are_told_apart(champion):
    writer = decisions.Writer("api", nowhere(), is_patient=False)
    decisions.decide_transactions([arrive(one, source="api") for one in some(3)], writer=writer)

    come_back(MemoryStore())

    found = Rescoring.objects.order_by("decision_id")
    assert [vector_of(row)[INDEX["card_count_24h"]] for row in found] == [0.0, 1.0, 2.0]


def test_only_those_let_through_that_are_flagged_now_are_left_for_the_analysts(champion):
    rows = decide(nowhere(), *some(3), make_payment(card_id="other"))
    Outbox.objects.all().delete()

    come_back(MemoryStore())

    (row,) = Outbox.objects.all()
    assert (row.topic, row.ids) == (Outbox.Topic.ALERTS, [rows[2].id])


def test_a_payment_flagged_already_causes_nothing_again(champion):
    publish(BUSY, based_on=1, review=0.0001, decline=0.0001)
    forget_policy()
    Decision.objects.filter(id=decide(nowhere(), make_payment())[0].id).update(outcome="decline")
    decide(nowhere(), make_payment(card_id="card-1"))
    Decision.objects.update(outcome="review")
    Outbox.objects.all().delete()

    come_back(MemoryStore())

    assert Rescoring.objects.filter(outcome="decline").count() == 1
    assert not Outbox.objects.exists()


def test_a_store_that_came_back_empty_gives_them_too(champion):
    whole = MemoryStore()
    decide(whole, *some(2))
    decide(nowhere(), *some(2))
    empty = nowhere()

    restore_features(store=empty, progress=lambda done, total: None)
    come_back(empty)

    found = Rescoring.objects.order_by("decision_id")
    assert [vector_of(row)[INDEX["card_count_24h"]] for row in found] == [2.0, 3.0]
    assert [row.missing for row in found] == [[], []]
    assert not RescoringDue.objects.exists()


def test_frauds_known_by_then_are_seen_in_a_store_that_came_back_empty(champion):
    whole = MemoryStore()
    (first,) = decide(whole, make_payment())
    apply_labels([make_label(first).id])
    settle_features("labels", store=whole)
    decide(nowhere(), make_payment())
    empty = nowhere()

    restore_features(store=empty, progress=lambda done, total: None)
    assert rescore_due(at=now()) == 0
    come_back(empty)

    assert vector_of(Rescoring.objects.get())[INDEX["card_frauds_30d"]] == 1.0


def test_a_rebuild_that_was_cut_off_gives_the_same(champion, monkeypatch):
    monkeypatch.setattr(rebuild, "CHUNK", 1)
    decide(nowhere(), *some(3))
    empty, looks = nowhere(), []

    def cut_off(done: int, total: int) -> None:
        looks.append(done)
        if len(looks) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        restore_features(store=empty, progress=cut_off)
    restore_features(store=empty, progress=cut_off)
    come_back(empty)

    found = Rescoring.objects.order_by("decision_id")
    assert [vector_of(row)[INDEX["card_count_24h"]] for row in found] == [0.0, 1.0, 2.0]


def test_they_do_not_wait_for_a_writer_to_come_back(champion):
    decide(nowhere(), make_payment())

    settle_features("", store=MemoryStore(), older_than=timedelta(minutes=1))

    assert rescore_due(at=now()) == 1


# --- the model -----------------------------------------------------------------------------------------------------


def test_a_payment_decided_without_a_model_is_scored_once_there_is_one(monkeypatch):
    store = MemoryStore()
    rows = decide(store, *some(2))
    assert rescore_due(at=now()) == 0

    install(monkeypatch, CountModel())
    come_back(store)

    found = Rescoring.objects.order_by("decision_id")
    assert [(row.decision_id, row.score) for row in found] == [(rows[0].id, 0.0), (rows[1].id, 0.1)]
    assert [bytes(row.features) for row in found] == [bytes(row.features) for row in rows]


def test_where_there_never_is_a_model_the_rules_look_again_with_the_features():
    decide(nowhere(), *some(3))

    come_back(MemoryStore())

    found = Rescoring.objects.order_by("decision_id")
    assert [(row.outcome, row.score, row.missing) for row in found] == [
        ("approve", None, ["model"]), ("approve", None, ["model"]), ("review", None, ["model"]),
    ]  # fmt: skip


def test_a_champion_that_cannot_be_loaded_is_waited_for():
    ModelVersion.objects.create(
        version="m", stage="champion", artefact=b"", signature="", feature_version=VERSION, labels_as_of=NOON,
        trained_from=NOON, trained_to=NOON,
    )  # fmt: skip
    decide(nowhere(), make_payment())

    come_back(MemoryStore())

    assert not Rescoring.objects.exists()
    assert RescoringDue.objects.count() == 1


def test_history_from_a_file_is_not_scored_again(monkeypatch):
    decide(MemoryStore(), make_payment(), has_effects=False)

    install(monkeypatch, CountModel())

    assert rescore_due(at=now()) == 0
    assert not RescoringDue.objects.exists()


def test_a_vector_of_another_table_is_not_taken_for_one_of_this(monkeypatch):
    decide(MemoryStore(), *some(2))
    Decision.objects.update(feature_version="1")

    install(monkeypatch, CountModel())
    rescore_due(at=now())

    assert {tuple(row.missing) for row in Rescoring.objects.all()} == {("features",)}
    assert {len(row.features) for row in Rescoring.objects.all()} == {4 * len(NAMES)}


def test_what_waited_for_too_long_is_dropped(champion, settings):
    decide(nowhere(), *some(2))
    RescoringDue.objects.update(created_at=F("created_at") - timedelta(hours=settings.RESCORE_WITHIN_HOURS, minutes=1))

    come_back(MemoryStore())

    assert not Rescoring.objects.exists()
    rescore_due(at=now())
    assert not RescoringDue.objects.exists()
