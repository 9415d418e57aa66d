"""A recorded decision is made again from what is stored of it: the same, or what differs, or what is gone."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.utils.timezone import now

from scoring.features.definitions import INDEX
from scoring.features.live import MemoryStore
from scoring.ml.training import Trained, train
from scoring.models import Decision, ModelEvent, ModelVersion, Policy, PolicyEvent, PolicyList, Rule
from scoring.services import reproduction
from scoring.services.decisions import Writer, decide_transactions
from scoring.services.models import SEED, TrainingPeriod, forget_champion, promote_model, store_model
from scoring.services.policy import RuleDraft, forget_policy
from scoring.services.reproduction import Reproduction, reproduce
from tests.factories import DAY, NOON, make_decision
from tests.scoring.degraded import BUSY, decide, nowhere, some
from tests.scoring.ml_data import make_dataset
from tests.scoring.payments import arrive, make_payment, publish, tampering

pytestmark = pytest.mark.django_db
AGO = timedelta(minutes=10)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(make_dataset(), seed=SEED)


@pytest.fixture
def model(trained) -> ModelVersion:
    period = TrainingPeriod(start=NOON - DAY, end=NOON, labels_as_of=NOON, maturity=DAY)
    stored = store_model(trained, period)
    promote_model(stored.version)
    return stored


@pytest.fixture(autouse=True)
def _policy(db) -> None:
    publish(BUSY, RuleDraft("huge", "amount > 5000", "decline", "The amount is {amount}"), review=0.7, decline=0.9)


def again(*decisions: Decision) -> list[Reproduction]:
    return reproduce([Decision.objects.get(id=one.id) for one in decisions])


def differing(result: Reproduction) -> set[str]:
    return {one.field for one in result.differences}


def varied(count: int) -> list:
    """Payments of three cards with all kinds of fields."""
    return [
        make_payment(
            card_id=f"card-{i % 3}", amount=Decimal(i * 997) / 4 + 1, occurred_at=NOON + timedelta(minutes=7 * i),
            latitude=48.85 + i, longitude=2.35, extra={"a": [1, 2.5, {"b": None}]}, merchant_name="Café \N{SNOWMAN}",
            ip_address="::ffff:192.0.2.7" if i % 2 else "2001:DB8::1", customer_id=f"c-{i}",
        )
        for i in range(count)
    ]  # fmt: skip


# --- the same ------------------------------------------------------------------------------------------------------


def test_every_decision_is_made_again_bit_for_bit(model):
    rows = decide(MemoryStore(), *varied(40))

    results = again(*rows)

    assert [(one.differences, one.missing) for one in results] == [([], [])] * 40
    assert all(one.same for one in results)
    assert {row.outcome for row in rows} == {"approve", "review", "decline"}
    assert {row.model_version for row in rows} == {model.version}


def test_it_does_not_matter_how_many_are_made_again_together(model):
    rows = decide(MemoryStore(), *varied(12))

    assert [result.same for row in rows for result in again(row)] == [True] * 12


def test_decisions_of_one_batch_that_saw_each_others_declines_are_the_same():
    publish(RuleDraft("huge", "amount > 5000", "decline", "x"),
            RuleDraft("tester", "card_decline_streak >= 2", "decline", "y"), based_on=1)  # fmt: skip
    forget_policy()
    sent = [make_payment(amount=Decimal(amount)) for amount in (9000, 9000, 3, 4)]
    decide_transactions([arrive(one) for one in sent], writer=Writer("stream:x", MemoryStore()))

    assert [one.same for one in again(*Decision.objects.all())] == [True] * 4
    assert Decision.objects.filter(rule_hits=["tester"]).count() == 2


def test_decisions_made_without_a_part_are_the_same(model):
    with_model = decide(nowhere(), *some(2))
    ModelVersion.objects.update(stage="retired")
    forget_champion()
    without = decide(nowhere(), *some(2)) + decide(MemoryStore(), *some(1))

    assert [row.degraded for row in without] == [["features", "model"]] * 2 + [["model"]]
    assert [one.same for one in again(*with_model, *without)] == [True] * 5


def test_models_and_policies_of_then_are_taken_not_those_of_now(model):
    rows = decide(MemoryStore(), make_payment(amount=Decimal(900)))
    publish(review=0.0001, decline=0.0002, based_on=1)
    ModelVersion.objects.update(stage="retired")

    assert again(*rows)[0].same


def test_only_so_many_models_are_kept_in_memory():
    assert reproduction._load.cache_info().maxsize == 8
    assert reproduction._compile.cache_info().maxsize == 64


# --- what differs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"outcome": "review"}, {"outcome"}), ({"score": 0.123}, {"score"}), ({"score": None}, {"score"}),
        ({"rule_hits": ["x"]}, {"rule_hits"}), ({"reasons": [{"code": "a", "words": "b"}]}, {"reasons"}),
        ({"amount": Decimal("12.51")}, {"amount"}), ({"card_id": "other"}, {"card_id"}),
        ({"occurred_at": NOON - DAY}, {"occurred_at", "is_late"}), ({"ip_address": "192.0.2.9"}, {"ip_address"}),
        ({"transaction_id": "other"}, {"transaction_id"}), ({"anomaly_score": 0.5}, {"anomaly_score"}),
        ({"merchant_category": "1234"}, {"merchant_category"}),
    ],
)  # fmt: skip
def test_a_row_that_was_changed_is_found_out(model, changed, fields):
    (row,) = decide(MemoryStore(), make_payment(amount=Decimal("12.50"), transaction_id="x"))
    # By somebody with access to the database.
    Decision.objects.filter(id=row.id).update(**changed)
    if "occurred_at" in changed:
        Decision.objects.filter(id=row.id).update(received_at=NOON - DAY, is_late=True)

    (result,) = again(row)

    assert not result.same
    assert differing(result) == fields


def test_the_smallest_change_of_a_score_is_found_out(model):
    (row,) = decide(MemoryStore(), make_payment())
    Decision.objects.update(score=np.nextafter(row.score, 1.0))

    (result,) = again(row)

    (difference,) = result.differences
    assert (difference.field, difference.recomputed) == ("score", row.score)


def test_a_record_that_was_changed_is_found_out(model):
    (row,) = decide(MemoryStore(), make_payment())
    Decision.objects.update(record=row.record | {"amount": "99.00"})

    (result,) = again(row)

    assert {"amount", "features.amount"} <= differing(result)


@pytest.mark.parametrize("record", [{"amount": "x"}, {}, [], "x", {"nope": 1}])
def test_a_record_that_is_no_payment_any_more_is_said_to_be_gone(model, record):
    (row,) = decide(MemoryStore(), make_payment())
    Decision.objects.update(record=record)

    (result,) = again(row)

    assert (result.same, [one.what for one in result.missing]) == (False, ["transaction"])


def test_a_vector_that_was_changed_is_found_out(model):
    (row,) = decide(MemoryStore(), make_payment())
    vector = np.frombuffer(row.features, np.float32).copy()
    vector[INDEX["amount"]] = 700.0
    Decision.objects.update(features=vector.tobytes())

    (result,) = again(row)

    assert "features.amount" in differing(result)


def test_features_in_a_decision_made_without_any_are_found_out(model):
    (row,) = decide(nowhere(), make_payment())
    vector = np.frombuffer(row.features, np.float32).copy()
    vector[INDEX["card_count_1h"]] = 3.0
    Decision.objects.update(features=vector.tobytes())

    (result,) = again(row)

    assert "features.card_count_1h" in differing(result)


def test_a_rule_that_was_changed_is_found_out():
    (row,) = decide(MemoryStore(), make_payment(amount=Decimal(9000)))
    with tampering():
        Rule.objects.filter(code="huge").update(expression="amount > 50000")
    reproduction._compile.cache_clear()

    (result,) = again(row)

    assert differing(result) == {"outcome", "reasons", "rule_hits"}


# --- what is gone --------------------------------------------------------------------------------------------------


def test_a_model_that_is_gone_is_said(model):
    rows = decide(MemoryStore(), *some(2))
    with tampering():
        ModelEvent.objects.all().delete()
        ModelVersion.objects.all().delete()

    results = again(*rows)

    assert [(one.same, [gone.what for gone in one.missing]) for one in results] == [(False, ["model"])] * 2
    assert model.version in results[0].missing[0].words


def test_a_model_that_may_not_be_loaded_is_said(model):
    rows = decide(MemoryStore(), make_payment())
    ModelVersion.objects.update(signature="0" * 64)

    (result,) = again(*rows)

    assert "wrong signature" in result.missing[0].words


def test_a_policy_that_is_gone_is_said():
    (row,) = decide(MemoryStore(), make_payment())
    with tampering():
        PolicyEvent.objects.all().delete()
        PolicyList.objects.all().delete()
        Rule.objects.all().delete()
        Policy.objects.all().delete()

    (result,) = again(row)

    assert [one.what for one in result.missing] == ["policy"]


def test_vectors_of_another_table_are_said_and_the_rest_is_compared():
    (row,) = decide(MemoryStore(), make_payment())
    Decision.objects.update(feature_version="1", amount=Decimal(3))

    (result,) = again(row)

    assert ([one.what for one in result.missing], differing(result)) == (["features"], {"amount"})


def test_decisions_of_before_changes_of_lists_were_kept_are_not_called_the_same():
    (row,) = decide(MemoryStore(), make_payment())
    Decision.objects.update(decided_at=NOON - 3000 * DAY)

    (result,) = again(row)

    assert (result.same, [one.what for one in result.missing], result.differences) == (False, ["lists"], [])


def test_a_row_that_no_engine_made_is_not_called_the_same():
    (result,) = again(make_decision(decided_at=now()))

    assert not result.same
