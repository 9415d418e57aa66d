"""A counterfactual changes the outcome through the same engine, its neighbour does not, and nothing nearer does."""

from datetime import datetime
from decimal import Decimal

import msgspec
import numpy as np
import pytest
import xgboost as xgb

from scoring.decisioning import SEVERITY, Band, PolicyInForce, decide
from scoring.features.amounts import amount_lines, vectors_at
from scoring.features.definitions import INDEX, NAMES, VERSION
from scoring.ml.counterfactuals import Alternatives, Counterfactual
from scoring.ml.model import Model
from scoring.ml.training import PARAMETERS, fit
from scoring.ml.tree_splits import splits_of
from scoring.rules.evaluation import CompiledRule
from scoring.rules.language import compile_condition
from scoring.rules.lists import ListHit
from scoring.services.alternatives import alternatives_of
from scoring.services.explained_payments import Flagged
from tests.factories import NOON
from tests.scoring.ml_data import make_dataset, make_vector
from tests.scoring.payments import make_payment


@pytest.fixture(scope="module")
def model() -> Model:
    """Learns that large amounts, many payments and new devices are fraud; scores are spread."""
    dataset = make_dataset(4000)
    chance = np.random.default_rng(3)
    rows = len(dataset)
    dataset.vectors[:, INDEX["amount"]] = np.round(chance.gamma(1.0, 60.0, rows), 2)
    dataset.vectors[:, INDEX["card_amount_ratio"]] = chance.gamma(1.0, 2.0, rows)
    dataset.vectors[:, INDEX["card_count_1h"]] = chance.integers(0, 9, rows)
    dataset.vectors[:, INDEX["card_is_new_device"]] = chance.integers(0, 2, rows)
    dataset.vectors[:, INDEX["card_since_last"]] = chance.gamma(1.0, 5000.0, rows)
    pull = (
        dataset.vectors[:, INDEX["amount"]] / 60 + dataset.vectors[:, INDEX["card_amount_ratio"]] / 2
        + dataset.vectors[:, INDEX["card_count_1h"]] / 3 + 1.5 * dataset.vectors[:, INDEX["card_is_new_device"]]
        - dataset.vectors[:, INDEX["card_since_last"]] / 4000
    )  # fmt: skip
    dataset.labels[:] = chance.random(rows) < 1.0 / (1.0 + np.exp(-(pull - 3.5)))
    return Model("m", VERSION, fit(dataset, seed=1, parameters=PARAMETERS, threads=1), slope=1.1, intercept=-0.2)


def rule(code: str, expression: str, outcome: str = "review", points: int = 0) -> CompiledRule:
    return CompiledRule(code, compile_condition(expression), outcome, code, points=points)


def policy(*rules: CompiledRule, review: float = 0.5, decline: float = 0.9, **more) -> PolicyInForce:
    return PolicyInForce(1, review, decline, rules, lists={"block": "decline", "allow": "approve"}, **more)


def a_vector(number: int = 0, **values: float) -> np.ndarray:
    chance = np.random.default_rng(number)
    amount = float(np.round(chance.gamma(2.0, 80.0), 2))
    plain = {
        "amount": amount, "card_amount_ratio": amount / 45, "card_amount_median_ratio": amount / 30,
        "card_amount_deviation": (amount - 45) / 12, "card_count_1h": float(chance.integers(0, 9)),
        "card_is_new_device": float(chance.integers(0, 2)), "card_since_last": float(chance.gamma(1.0, 3000.0)),
        "card_spend_share": amount / 11,
    }  # fmt: skip
    return make_vector(**plain | values)


class World:
    """A payment that a policy and perhaps a model decide; asked as the engine is."""

    def __init__(self, vector: np.ndarray, policy: PolicyInForce, model: Model | None, *listed: ListHit) -> None:
        self.vector, self.policy, self.model, self.listed = vector, policy, model, listed
        amount = Decimal(f"{vector[INDEX['amount']]:.2f}")
        self.payment = make_payment(amount=amount)
        self.at: datetime = NOON
        self.was_let_through = False
        self.outcome = self.decided(vector)

    def decided(self, vector: np.ndarray, amount: Decimal | None = None) -> str:
        payment = msgspec.structs.replace(self.payment, amount=amount or self.payment.amount)
        listed = {0: self.listed} if self.listed else {}
        (one,) = decide([payment], vector[None, :], model=self.model, policy=self.policy, listed=listed, at=[self.at])
        return one.outcome

    def at_value(self, name: str, value: Decimal) -> str:
        """The outcome were one figure another."""
        if name == "amount":
            lines = amount_lines(self.vector, float(self.payment.amount))
            return self.decided(vectors_at(self.vector, lines, np.array([float(value)]))[0], value)
        changed = self.vector.copy()
        changed[INDEX[name]] = float(value)
        return self.decided(changed)

    def alternatives(self) -> Alternatives:
        flagged = Flagged(
            self.payment, self.vector, 1, self.outcome, None, "m", 1, VERSION, self.at, self.was_let_through,
        )  # fmt: skip
        return alternatives_of(flagged, model=self.model, policy=self.policy, listed=self.listed)

    def of(self, name: str) -> list[Counterfactual]:
        return [one for one in self.alternatives().found if one.feature == name]


def step_of(name: str) -> Decimal:
    return {"amount": Decimal("0.01"), "card_since_last": Decimal(60)}.get(name, Decimal(1))


def milder(world: World, name: str, value: Decimal, than: str) -> bool:
    return SEVERITY[world.at_value(name, value)] <= SEVERITY[than]


# --- it is true, it is the nearest ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(25))
def test_it_changes_the_outcome_and_the_value_just_before_it_does_not(model, number):
    world = World(a_vector(number), policy(review=0.3, decline=0.8), model)

    for one in world.alternatives().found if world.outcome != "approve" else []:
        value, step = Decimal(one.value), step_of(one.feature)
        nearer = value - step if one.feature == "card_since_last" else value + step
        assert milder(world, one.feature, value, one.outcome)
        if one.always is not None:
            further = [Decimal(one.always) * n / 20 for n in range(1, 21)] if one.feature == "amount" else []
            cents = [value.quantize(step) for value in further if value >= step]
            assert all(milder(world, one.feature, value, one.outcome) for value in cents)
        if one.feature == "amount" and nearer >= world.payment.amount:
            continue
        assert not milder(world, one.feature, nearer, one.outcome) or nearer == world.vector[INDEX[one.feature]]


@pytest.mark.parametrize("number", range(12))
def test_no_value_nearer_changes_the_outcome_and_none_at_all_where_none_is_told(model, number):
    world = World(a_vector(number), policy(review=0.3, decline=0.8), model)
    if world.outcome == "approve":
        return
    told = {one.feature: Decimal(one.value) for one in world.alternatives().found if one.outcome == "approve"}

    for name in ("amount", "card_count_1h"):
        start = int(world.payment.amount * 100) - 1 if name == "amount" else int(world.vector[INDEX[name]]) - 1
        step = step_of(name)
        # Every cent, and every payment: by force, all at once.
        values = [tick * step for tick in range(start, int(name == "amount") - 1, -1)]
        passed = [value for value, score in zip(values, scores(world, name, values), strict=True) if score < 0.3]
        assert told.get(name) == (passed[0] if passed else None), name


def scores(world: World, name: str, values: list[Decimal]) -> np.ndarray:
    if not values:
        return np.empty(0)
    numbers = np.array([float(value) for value in values])
    if name == "amount":
        return world.model.score(
            vectors_at(world.vector, amount_lines(world.vector, float(world.payment.amount)), numbers)
        )
    vectors = np.repeat(world.vector[None, :], len(values), axis=0)
    vectors[:, INDEX[name]] = numbers
    return world.model.score(vectors)


def test_some_of_these_payments_are_flagged_and_have_one(model):
    worlds = [World(a_vector(number), policy(review=0.3, decline=0.8), model) for number in range(25)]
    flagged = [world for world in worlds if world.outcome != "approve"]
    found = [one for world in flagged for one in world.alternatives().found]

    assert {world.outcome for world in flagged} == {"review", "decline"}
    assert {"amount", "card_count_1h", "card_is_new_device"} <= {one.feature for one in found}
    assert {one.outcome for one in found} == {"approve", "review"}


# --- all of the policy ---------------------------------------------------------------------------------------------


def test_a_rule_alone_says_below_which_amount_it_would_have_passed():
    world = World(a_vector(amount=640.0), policy(rule("large", "amount >= 500")), None)

    (one,) = world.of("amount")

    assert (one.value, one.until, one.always, one.outcome) == ("499.99", None, "499.99", "approve")
    assert one.words == "It would have passed below 500.00 EUR"


@pytest.mark.parametrize(
    ("expression", "value"),
    [("amount > 500", "500.00"), ("amount > 3 * 111.11", "333.33"), ("amount * 2 > 777", "388.50"),
     ("card_amount_ratio > 2.5", "112.50"), ("amount > 10 AND card_amount_median_ratio >= 4", "119.99")],
)  # fmt: skip
def test_the_edge_of_a_rule_that_computes_is_found_to_the_cent(expression, value):
    vector = a_vector(amount=640.0, card_amount_ratio=640 / 45, card_amount_median_ratio=640 / 30,
                      card_amount_deviation=(640 - 45) / 12)  # fmt: skip
    world = World(vector, policy(rule("r", expression)), None)

    (one,) = world.of("amount")

    assert one.value == value


def test_a_currency_without_cents_counts_in_whole_amounts():
    world = World(a_vector(amount=6400.0), policy(rule("large", "amount >= 5000")), None)
    world.payment = msgspec.structs.replace(world.payment, currency="JPY")

    assert [(one.value, one.words) for one in world.of("amount")] == [
        ("4999", "It would have passed below 5,000 JPY")
    ]  # fmt: skip


def test_bands_points_and_declines_are_told_apart():
    bands = (Band("EUR", Decimal(200), 0.3, 0.9),)
    heavy = rule("heavy", "amount > 300", "", points=150), rule("many", "card_count_1h >= 3", "", points=100)
    world = World(a_vector(amount=640.0, card_count_1h=5.0), policy(*heavy, bands=bands), None)

    told = {(one.feature, one.outcome): one for one in world.alternatives().found}

    assert world.outcome == "decline"
    assert told["amount", "review"].value == "300.00"
    assert told["amount", "review"].words == ("It would have gone to review instead of being declined below 300.01 EUR")
    assert told["card_count_1h", "review"].value == "2"
    assert ("amount", "approve") not in told


def test_what_was_let_through_is_not_said_to_have_been_declined():
    rules = (rule("large", "amount > 300", "decline"), rule("busy", "amount > 100 AND card_count_1h > 3"))
    world = World(a_vector(amount=640.0, card_count_1h=5.0), policy(*rules), None)
    world.was_let_through = True

    assert {(one.feature, one.outcome) for one in world.alternatives().found} == {("amount", "approve")}


@pytest.mark.parametrize(("expression", "asked"), [("amount > 100", 0), ("anomaly_score > 0.5 OR amount > 100", 1)])
def test_how_strange_a_payment_is_counts_where_a_rule_reads_it_and_costs_nothing_elsewhere(
    model, monkeypatch, expression, asked
):
    calls = []
    monkeypatch.setattr(Model, "anomalies", lambda _, rows: calls.append(1) or np.full(len(rows), 0.9))
    world = World(a_vector(amount=640.0), policy(rule("r", expression), review=2.0, decline=3.0), model)
    calls.clear()

    assert bool(world.of("amount")) == (not asked)
    assert len(calls) == asked


def test_a_stretch_of_amounts_that_ends_says_both_ends():
    world = World(a_vector(amount=640.0), policy(rule("odd", "amount < 20 OR amount > 100")), None)

    (one,) = world.of("amount")

    assert (one.value, one.until, one.always) == ("100.00", "20.00", None)
    assert one.words == "It would have passed from 20.00 to 100.00 EUR"


@pytest.mark.parametrize(
    "expression", ["amount > 300 OR amount BETWEEN 100 AND 200", "amount > 300 OR 2 * amount >= 200 AND amount <= 200"]
)
def test_behind_a_stretch_it_is_told_from_where_on_it_always_passes(expression):
    world = World(a_vector(amount=640.0), policy(rule("odd", expression)), None)

    (one,) = world.of("amount")

    assert (one.value, one.until, one.always) == ("300.00", "200.01", "99.99")
    assert one.words == "It would have passed from 200.01 to 300.00 EUR, and below 100.00 EUR"


def test_of_a_count_too():
    world = World(
        a_vector(card_count_1h=8.0), policy(rule("odd", "card_count_1h > 6 OR card_count_1h IN (2, 3)")), None
    )

    (one,) = world.of("card_count_1h")

    assert (one.value, one.until, one.always) == ("6", "4", "1")
    assert one.words == (
        "It would have passed with: 6 earlier payments by this card in the last hour, and on to 4 earlier payments by "
        "this card in the last hour, and from 1 earlier payment by this card in the last hour on"
    )


def test_counts_flags_and_times_are_said_in_their_own_words():
    rules = (rule("busy", "card_count_1h >= 4 AND card_is_new_device = 1 AND card_since_last < 7200"),)
    world = World(a_vector(card_count_1h=7.0, card_is_new_device=1.0, card_since_last=90.0), policy(*rules), None)

    words = [one.words for one in world.alternatives().found]

    assert words == [
        "It would have passed with: 3 earlier payments by this card in the last hour, or fewer",
        "It would have passed with: this card's last payment was 2 hours before, or longer",
        "It would have passed with: this card has used this device before",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (8700, "2 hours 25 minutes before"),
        (200_000, "2 days 7 hours 34 minutes before"),
        (30 * 86400, "30 days before"),
    ],
)
def test_a_time_that_would_have_passed_is_not_rounded(seconds, words):
    world = World(a_vector(card_since_last=90.0), policy(rule("soon", f"card_since_last < {seconds}")), None)

    (one,) = world.of("card_since_last")

    assert one.words == f"It would have passed with: this card's last payment was {words}, or longer"


@pytest.mark.parametrize("outcome", ["review", "decline"])
def test_where_no_single_figure_helps_nothing_is_told_but_what_was_tried(outcome):
    rules = (rule("large", "amount > 100", outcome), rule("busy", "card_count_1h > 1", outcome))
    world = World(a_vector(amount=640.0, card_count_1h=5.0), policy(*rules), None)

    found = world.alternatives()

    assert (found.found, found.is_whole, found.problem) == ([], True, "")
    assert {"amount", "card_count_1h"} <= set(found.tried)


def test_where_not_all_values_are_tried_nothing_is_said_of_the_others(monkeypatch):
    monkeypatch.setattr("scoring.ml.figures.MOST_TICKS", 4)
    world = World(a_vector(amount=640.0), policy(rule("odd", "amount > 400 OR amount IN (350, 100)")), None)

    (one,) = world.of("amount")

    assert (one.value, one.until, one.always) == ("400.00", "350.01", None)
    assert one.words == "It would have passed from 350.01 to 400.00 EUR"


def test_further_values_that_were_left_out_are_not_promised(monkeypatch):
    monkeypatch.setattr("scoring.ml.figures.MOST_TICKS", 2)
    world = World(a_vector(amount=640.0), policy(rule("odd", "amount > 400 OR amount IN (350, 300)")), None)

    found = world.alternatives()

    assert [(one.value, one.until, one.always) for one in found.found] == [("400.00", "400.00", None)]
    assert found.found[0].words == "It would have passed at 400.00 EUR"
    assert not found.is_whole


@pytest.mark.parametrize(("expression", "is_whole"), [("amount > 100", False), ("card_is_new_merchant = 1", True)])
def test_an_amount_that_cannot_be_tried_is_not_taken_for_one_that_would_not_help(expression, is_whole):
    vector = a_vector(amount=640.0, card_amount_ratio=1.0, card_amount_deviation=0.0, card_is_new_merchant=1.0)
    world = World(vector, policy(rule("r", expression)), None)

    found = world.alternatives()

    assert "amount" not in found.tried
    assert found.is_whole == is_whole


def test_a_list_that_declines_leaves_nothing_to_change(model):
    world = World(a_vector(1), policy(review=0.3), model, ListHit("block", "card", "card-1", "stolen"))

    assert world.outcome == "decline"
    assert world.alternatives().found == []


def test_a_missing_figure_is_not_tried():
    vector = a_vector(amount=640.0, card_count_1h=np.nan, card_amount_ratio=np.nan, card_amount_deviation=np.nan)
    world = World(vector, policy(rule("large", "amount > 100 OR card_count_1h > 2")), None)

    assert world.alternatives().tried == ["amount"]


def test_an_outcome_that_does_not_come_out_again_is_not_argued_with():
    world = World(a_vector(amount=640.0), policy(rule("large", "amount > 100")), None)
    world.outcome = "decline"

    assert world.alternatives().problem.startswith("It could not be decided again as it was")


def test_what_cannot_be_tried_is_logged_and_told(monkeypatch, caplog):
    world = World(a_vector(amount=640.0), policy(rule("large", "amount > 100")), None)
    monkeypatch.setattr("scoring.services.alternatives.figures_of", lambda *_, **__: 1 / 0)

    assert world.alternatives().problem == "Other figures could not be tried."
    assert "other figures of decision 1 could not be tried" in caplog.text


# --- the splits of trees -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 4, 6])
def test_between_the_splits_that_are_met_a_score_stays_the_same(depth):
    dataset = make_dataset(2000, seed=depth)
    booster = fit(dataset, seed=depth, parameters={**PARAMETERS, "max_depth": depth}, threads=1)
    model = Model("m", VERSION, booster, 1.0, 0.0)
    free = np.zeros(len(NAMES), bool)
    free[INDEX["amount"]] = True

    for row in range(5):
        vector = dataset.vectors[row]
        features, thresholds = model.splits.met(vector, free)
        marks = np.unique(thresholds)
        values = np.sort(np.concatenate([np.linspace(0.001, 8, 4000), marks, np.nextafter(marks, -1)]))
        vectors = np.repeat(vector[None, :], len(values), axis=0)
        vectors[:, INDEX["amount"]] = values
        scores = model.score(vectors)
        between = np.searchsorted(marks.astype(np.float32), vectors[:, INDEX["amount"]], side="right")
        assert set(features.tolist()) <= {INDEX["amount"]}
        for place in np.unique(between):
            assert len(set(scores[between == place].tolist())) == 1


def test_a_missing_value_goes_where_its_tree_sends_it():
    """The second feature decides only where the first is missing."""
    chance = np.random.default_rng(1)
    vectors = np.where(chance.random((4000, 1)) < 0.5, np.nan, 1.0) * np.ones((1, 2))
    vectors[:, 1] = chance.random(4000)
    labels = np.isnan(vectors[:, 0]) & (vectors[:, 1] > 0.5)
    booster = xgb.train({"max_depth": 2, "objective": "binary:logistic"}, xgb.DMatrix(vectors, labels), 1)

    splits, free = splits_of(booster), np.array([False, True])

    missing, known = (splits.met(np.array([first, 0.1], np.float32), free) for first in (np.nan, 1.0))
    assert missing[1].tolist() == pytest.approx([0.5], abs=0.02)
    assert known[1].tolist() != missing[1].tolist()
