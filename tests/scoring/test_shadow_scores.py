"""A model in shadow scores every payment that is decided, and nothing comes of it but figures and scores."""

from decimal import Decimal

import numpy as np
import pytest
from django.utils.timezone import now

from scoring.features.live import MemoryStore
from scoring.models import Decision, ModelVersion, Outbox, ShadowModelFigures, ShadowScore
from scoring.services import shadow_scores as service
from scoring.services.line_up import load_model, recheck_models
from scoring.services.model_stages import put_in_shadow, send_back
from scoring.services.shadow_scores import score_in_shadow, trim_scores
from tests.factories import MINUTE, make_user
from tests.scoring.degraded import decide
from tests.scoring.model_world import make_champion, make_model
from tests.scoring.payments import make_payment, publish, tampering

pytestmark = pytest.mark.django_db
AMOUNTS = (5, 20, 30, 200, 400, 800)


@pytest.fixture(autouse=True)
def _policy(db) -> None:
    publish(review=0.5, decline=0.9)


@pytest.fixture
def tried(db) -> ModelVersion:
    """A model that finds large amounts, beside rules alone, in shadow since a minute ago."""
    return shadow("m-1")


def shadow(version: str, **values) -> ModelVersion:
    make_model(version, **values)
    model = put_in_shadow(version=version, by=None, at=now() - MINUTE)
    recheck_models()
    return model


def decide_some(*amounts: float, **overrides) -> list[Decision]:
    return decide(MemoryStore(), *(make_payment(amount=Decimal(str(amount)), **overrides) for amount in amounts))


def deliver() -> None:
    """What the relay does with the topic, in one transaction."""
    rows = list(Outbox.objects.filter(topic=Outbox.Topic.SHADOW_MODELS).order_by("id"))
    score_in_shadow([row_id for row in rows for row_id in row.ids])
    Outbox.objects.filter(id__in=[row.id for row in rows]).delete()


def figures(model: ModelVersion) -> dict[tuple[str, str], int]:
    rows = ShadowModelFigures.objects.filter(model=model)
    return {(row.outcome, row.shadow_outcome): row.payments for row in rows}


def test_what_the_score_would_have_led_to_is_counted_beside_what_was_decided(tried):
    decided = decide_some(*AMOUNTS)
    deliver()

    vectors = np.stack([np.frombuffer(row.features, np.float32) for row in decided])
    scores = load_model(ModelVersion.objects.get()).score(vectors)
    flagged = int((scores >= 0.5).sum())
    assert 0 < flagged < len(AMOUNTS)
    assert {row.outcome for row in decided} == {"approve"}
    counted = figures(tried)
    assert counted.pop(("approve", "approve")) == len(AMOUNTS) - flagged
    assert sum(counted.values()) == flagged
    assert sum(row.amount for row in ShadowModelFigures.objects.all()) == sum(AMOUNTS)
    kept = dict(ShadowScore.objects.values_list("decision_id", "score"))
    wanted = {row.id: score for row, score in zip(decided, scores.tolist(), strict=True) if score >= 0.5}
    assert kept.items() >= wanted.items()


def test_nothing_else_comes_of_a_model_in_shadow(tried):
    (one,) = decide_some(800)
    deliver()

    assert (one.outcome, one.score, one.model_version) == ("approve", None, "")
    assert set(Outbox.objects.values_list("topic", flat=True)) == {"decisions"}


def test_nothing_is_left_for_models_where_none_is_in_shadow(tried):
    send_back(version="m-1", reason="enough", by=make_user("manager"), at=now())
    recheck_models()

    decide_some(800)

    assert not Outbox.objects.filter(topic=Outbox.Topic.SHADOW_MODELS).exists()


def test_scores_of_what_nobody_flags_are_those_of_some_cards_whole(tried, monkeypatch):
    monkeypatch.setattr(service, "SAMPLED_CARDS", 0.5)
    decided = [row for number in range(12) for row in decide_some(2, 3, card_id=f"card-{number}")]
    deliver()

    kept = dict(ShadowScore.objects.filter(is_sampled=True).values_list("decision_id", "is_sampled"))
    by_card = {row.card_id: [] for row in decided}
    for row in decided:
        by_card[row.card_id].append(row.id in kept)
    assert {tuple(of_card) for of_card in by_card.values()} == {(True, True), (False, False)}


def test_models_are_asked_each_for_itself_and_only_since_they_are_in_shadow(tried):
    decide_some(800)
    other = shadow("m-2", seed=2)
    ModelVersion.objects.filter(id=other.id).update(stage_since=now())
    decide_some(800, 2)
    deliver()

    assert (sum(figures(tried).values()), sum(figures(other).values())) == (3, 2)


def test_payments_that_a_model_cannot_be_asked_about_are_counted_apart_and_hold_up_no_other(tried):
    broken = shadow("m-broken", seed=2)
    decided = decide_some(800, 2)
    with tampering():
        ModelVersion.objects.filter(id=broken.id).update(artefact=b"damaged")
        Decision.objects.filter(id=decided[1].id).update(feature_version="0")
    deliver()

    assert figures(broken) == {("approve", ""): 2}
    assert figures(tried)["approve", ""] == 1
    assert sum(figures(tried).values()) == 2


def test_the_policy_is_the_one_that_decided(tried):
    decide_some(800)
    publish(review=0.0001, decline=0.0002, based_on=1)
    deliver()

    # By the newer policy it would have been declined.
    assert figures(tried) == {("approve", "review"): 1}
    decide_some(2)
    before = figures(tried).get(("approve", "approve"), 0)
    deliver()
    assert figures(tried).get(("approve", "approve"), 0) == before + 1


def test_the_champions_payments_are_compared_with_what_it_decided():
    make_champion(seed=1)
    same = shadow("m-1", seed=1)

    decided = decide_some(*AMOUNTS)
    deliver()

    assert {row.model_version for row in decided} == {"m-0"}
    assert all(outcome == other for outcome, other in figures(same))
    kept = ShadowScore.objects.select_related("decision")
    assert kept.count()
    assert all(row.score == row.decision.score for row in kept)


def test_the_oldest_scores_are_forgotten(tried, monkeypatch):
    monkeypatch.setattr(service, "SCORES_KEPT", 2)
    decide_some(800, 801, 802, 803)
    deliver()
    newest = list(ShadowScore.objects.order_by("-decision_id").values_list("decision_id", flat=True))[:2]

    assert (trim_scores(), trim_scores()) == (2, 0)

    assert list(ShadowScore.objects.order_by("-decision_id").values_list("decision_id", flat=True)) == newest


def test_policies_and_models_that_are_asked_are_kept_in_memory_few():
    assert (service._model.cache_info().maxsize, service._policy.cache_info().maxsize) == (4, 8)
