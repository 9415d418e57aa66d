"""How score, rules and lists become an outcome, and what is said about it."""

from decimal import Decimal

import numpy as np
import pytest

from scoring.decisioning import Decided, PolicyInForce, decide
from scoring.rules.evaluation import CompiledRule
from scoring.rules.language import compile_condition
from scoring.rules.lists import ListHit
from tests.factories import NOON
from tests.scoring.ml_data import make_vector
from tests.scoring.payments import AmountModel, make_payment

EFFECTS = {"block": "decline", "allow": "approve"}
BLOCK = ListHit("block", "card", "card-1", "stolen")
ALLOW = ListHit("allow", "merchant", "m-1", "our own shop")


def rule(code: str, expression: str, outcome: str) -> CompiledRule:
    return CompiledRule(code, compile_condition(expression), outcome, f"{code}: {{amount}}")


REVIEWS = rule("reviews", "currency = 'EUR'", "review")
DECLINES = rule("declines", "currency = 'EUR'", "decline")


def policy_of(*rules: CompiledRule) -> PolicyInForce:
    return PolicyInForce(version=1, review_threshold=0.5, decline_threshold=0.9, rules=rules, lists=EFFECTS)


def decided(amount: str, *rules: CompiledRule, listed=(), model=None) -> Decided:
    sent = make_payment(amount=Decimal(amount))
    (one,) = decide(
        [sent],
        np.array([make_vector(amount=float(amount))]),
        model=model,
        policy=policy_of(*rules),
        listed={0: listed} if listed else {},
        at=[NOON],
    )
    return one


@pytest.mark.parametrize(
    ("amount", "outcome"),
    [("49.99", "approve"), ("50", "review"), ("89.99", "review"), ("90", "decline"), ("1000", "decline")],
)
def test_a_score_at_a_threshold_has_reached_it(amount, outcome):
    class Exact(AmountModel):
        def score(self, vectors):
            return np.array([float(amount) / 100])

    assert decided(amount, model=Exact()).outcome == outcome


@pytest.mark.parametrize(
    ("amount", "rules", "outcome"),
    [
        ("1", (), "approve"), ("1", (REVIEWS,), "review"), ("1", (REVIEWS, DECLINES), "decline"),
        ("60", (), "review"), ("60", (DECLINES,), "decline"), ("95", (REVIEWS,), "decline"),
    ],
)  # fmt: skip
def test_the_severest_of_score_and_rules_wins(amount, rules, outcome):
    assert decided(amount, *rules, model=AmountModel()).outcome == outcome


def test_a_block_declines_whatever_else_is_said():
    one = decided("1", listed=(ALLOW, BLOCK), model=AmountModel())

    assert one.outcome == "decline"
    assert one.rule_hits == ["allow_list:merchant", "block_list:card"]
    assert one.reasons[1].words == "The card is on the block list: stolen"


def test_an_allow_entry_silences_score_and_rules():
    one = decided("95", DECLINES, listed=(ALLOW,), model=AmountModel())

    assert one.outcome == "approve"
    assert one.score == pytest.approx(0.95)
    assert one.reasons == []


def test_how_strange_a_payment_is_stands_beside_its_score_and_rules_can_ask_for_it():
    strange = rule("strange", "anomaly_score > 0.4", "review")

    one, other = (decided(amount, strange, model=AmountModel()) for amount in ("45", "90"))

    assert (one.score, one.anomaly_score, one.rule_hits) == (pytest.approx(0.45), pytest.approx(0.225), [])
    assert (other.anomaly_score, other.rule_hits) == (pytest.approx(0.45), ["strange"])


def test_a_model_without_an_autoencoder_says_nothing_of_strangeness():
    class Plain(AmountModel):
        def anomalies(self, vectors):
            return np.full(len(vectors), np.nan)

    rules = rule("strange", "anomaly_score < 2", "decline"), rule("gone", "anomaly_score IS NULL", "review")
    one = decided("10", *rules, model=Plain())

    assert one.anomaly_score is None
    assert one.rule_hits == ["gone"]


def test_without_a_model_rules_decide_alone():
    one = decided("95", REVIEWS)

    assert one.outcome == "review"
    assert one.score is None
    assert [reason.code for reason in one.reasons] == ["reviews"]


def test_without_a_model_a_rule_on_the_score_hits_nothing():
    assert decided("95", rule("on_score", "score < 2", "decline")).outcome == "approve"


def test_only_what_is_flagged_is_explained():
    class Counting(AmountModel):
        explained = 0

        def contributions(self, vectors):
            self.explained += len(vectors)
            return super().contributions(vectors)

    model = Counting()
    amounts = ["1", "60", "2", "95"]
    found = decide(
        [make_payment(amount=Decimal(amount)) for amount in amounts],
        np.array([make_vector(amount=float(amount)) for amount in amounts]),
        model=model,
        policy=policy_of(),
        listed={},
        at=[NOON] * len(amounts),
    )

    assert model.explained == 2
    assert [bool(one.reasons) for one in found] == [False, True, False, True]


def test_reasons_name_lists_then_rules_then_the_model():
    one = decided("95", REVIEWS, listed=(BLOCK,), model=AmountModel())

    codes = [reason.code for reason in one.reasons]
    assert codes[:2] == ["block_list", "reviews"]
    assert one.reasons[1].words == "reviews: 95.00 EUR"
    assert one.reasons[2].contribution == pytest.approx(2.0)


def test_a_batch_of_one_decides_as_a_batch_of_many():
    amounts = [str(amount) for amount in range(1, 120, 7)]
    sent = [make_payment(amount=Decimal(amount)) for amount in amounts]
    vectors = np.array([make_vector(amount=float(amount)) for amount in amounts])
    arguments = {"model": AmountModel(), "policy": policy_of(rule("r", "amount > 40", "review"))}

    batch = decide(sent, vectors, **arguments, listed={3: [BLOCK]}, at=[NOON] * len(sent))

    for i in range(len(sent)):
        listed = {0: [BLOCK]} if i == 3 else {}
        (single,) = decide(sent[i : i + 1], vectors[i : i + 1], **arguments, listed=listed, at=[NOON])
        assert single == batch[i]


def test_an_empty_batch_decides_nothing():
    vectors = np.empty((0, len(make_vector())), np.float32)

    assert decide([], vectors, model=None, policy=policy_of(REVIEWS), listed={}, at=[]) == []
