"""Curves and proposals beside the same worked out payment by payment."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring import threshold_proposals, thresholds
from scoring.thresholds import APPROVED, DECLINED, FREE, REVIEWED, THRESHOLDS, Choice, Costs
from tests.scoring.threshold_payments import Row, payments_of

DAYS = 3
MATURE = [True, True, False]
COSTS = Costs(review=2.0, false_decline=15.0)
LAST = len(THRESHOLDS) - 1

scores = st.one_of(st.none(), st.floats(0, 1), st.sampled_from(THRESHOLDS))
rows = st.lists(
    st.builds(
        Row,
        day=st.integers(0, DAYS - 1),
        score=scores,
        amount=st.floats(0.01, 5000),
        label=st.sampled_from(["fraud", "legitimate", "unknown"]),
        asked=st.sampled_from([FREE, REVIEWED, DECLINED, APPROVED]),
    ),
    max_size=30,
)
places = st.tuples(st.integers(0, LAST), st.integers(0, LAST)).map(lambda pair: Choice(min(pair), max(pair)))


def outcome_of(row, choice):
    """What the engine would say: the severest of score and rules, and nothing where a list approves."""
    asked = {FREE: 0, REVIEWED: 1, DECLINED: 2}.get(row.asked)
    if asked is None:
        return "approve"
    by_score = 0
    if row.score is not None:
        by_score = (row.score >= THRESHOLDS[choice.review]) + (row.score >= THRESHOLDS[choice.decline])
    return ("approve", "review", "decline")[max(asked, by_score)]


def price_by_label(row, choice):
    if row.score is None or not MATURE[row.day] or row.label == "unknown":
        return 0.0
    said, is_fraud = outcome_of(row, choice), row.label == "fraud"
    if said == "review":
        return COSTS.review
    return (row.amount if is_fraud else 0.0) if said == "approve" else (0.0 if is_fraud else COSTS.false_decline)


def price_by_score(row, choice):
    if row.score is None:
        return 0.0
    said = outcome_of(row, choice)
    prices = {"approve": row.score * row.amount, "review": COSTS.review}
    return prices.get(said, (1 - row.score) * COSTS.false_decline)


@given(rows=rows, choice=places)
@settings(max_examples=60, deadline=None)
def test_curves_say_what_payments_add_up_to(rows, choice):
    payments = payments_of(rows, days=DAYS, mature=MATURE)

    alerts = thresholds.alerts(payments)[:, choice.review]
    by_labels = thresholds.costs_by_labels(payments, COSTS).cost(choice)
    by_scores = thresholds.costs_by_scores(payments, COSTS).cost(choice)

    told = [sum(outcome_of(row, choice) != "approve" for row in rows if row.day == day) for day in range(DAYS)]
    assert alerts.tolist() == told
    assert by_labels == pytest.approx(sum(price_by_label(row, choice) for row in rows) / sum(MATURE), abs=1e-6)
    assert by_scores == pytest.approx(sum(price_by_score(row, choice) for row in rows) / DAYS, abs=1e-6)


@given(rows=rows, choice=places)
@settings(max_examples=60, deadline=None)
def test_an_account_counts_the_same_payments(rows, choice):
    payments = payments_of(rows, days=DAYS, mature=MATURE)

    said = threshold_proposals.account([payments], [choice], COSTS)

    known = [row for row in rows if row.score is not None and MATURE[row.day] and row.label != "unknown"]
    caught = [row for row in known if outcome_of(row, choice) != "approve"]
    assert said.frauds == sum(row.label == "fraud" for row in known)
    assert said.caught == sum(row.label == "fraud" for row in caught)
    assert said.looked_at == len(caught)
    assert said.caught_amount == pytest.approx(sum(row.amount for row in caught if row.label == "fraud"), abs=1e-6)
    asked = {day: sum(row.asked in {REVIEWED, DECLINED} for row in rows if row.day == day) for day in range(DAYS)}
    assert said.floor == pytest.approx(sum(asked.values()) / DAYS)


@given(rows=rows, near=places)
@settings(max_examples=30, deadline=None)
def test_no_pair_is_cheaper_than_the_best(rows, near):
    curve = thresholds.costs_by_labels(payments_of(rows, days=DAYS, mature=MATURE), COSTS)

    found = thresholds.best(curve, near=near)

    assert found.review <= found.decline
    cheapest = min(curve.cost(Choice(r, d)) for r in range(0, LAST + 1, 3) for d in range(r, LAST + 1, 3))
    assert curve.cost(found) <= cheapest + 1e-4


@given(rows=rows, one=st.floats(0, 12), more=st.floats(0, 12))
@settings(max_examples=60, deadline=None)
def test_more_reviews_never_raise_a_threshold(rows, one, more):
    small = payments_of([row for row in rows if row.amount < 500], days=DAYS)
    large = payments_of([row for row in rows if row.amount >= 500], days=DAYS)

    for bands in ([small, large], [thresholds.together([small, large])]):
        declines = [LAST] * len(bands)
        fewer = threshold_proposals.by_capacity(bands, one, declines)
        many = threshold_proposals.by_capacity(bands, one + more, declines)

        if fewer is not None:
            assert many is not None
            assert all(a.review >= b.review for a, b in zip(fewer, many, strict=True))
            assert threshold_proposals.account(bands, fewer, None).alerts <= one + 1e-9


def test_no_threshold_gets_below_what_rules_ask_for():
    rows = [Row(day, 0.5, 10, asked=REVIEWED) for day in range(DAYS) for _ in range(4)]
    payments = payments_of(rows, days=DAYS)

    assert threshold_proposals.by_capacity([payments], 3.9, [LAST]) is None
    assert threshold_proposals.by_capacity([payments, payments], 7.9, [LAST, LAST]) is None
    assert threshold_proposals.by_capacity([payments], 4, [LAST]) == [Choice(0, LAST)]


def calibrated(seed, *, amount, power=3.0, wrong=1.0, days=30, size=20_000):
    """Payments whose labels follow `wrong` x their scores."""
    draws = np.random.default_rng(seed)
    given_scores = draws.uniform(0, 1, size) ** power
    frauds = draws.uniform(0, 1, size) < given_scores * wrong
    return payments_of(
        [
            Row(i % days, float(score), amount, "fraud" if fraud else "legitimate")
            for i, (score, fraud) in enumerate(zip(given_scores, frauds, strict=True))
        ],
        days=days,
    )


@pytest.mark.parametrize("amount", [20, 60, 400, 3000])
def test_the_cheapest_thresholds_are_where_an_act_costs_what_it_saves(amount):
    payments = calibrated(1, amount=amount)

    (found,) = threshold_proposals.by_cost([payments], COSTS)

    assert THRESHOLDS[found.review] == pytest.approx(COSTS.review / amount, rel=0.25)
    assert THRESHOLDS[found.decline] == pytest.approx(1 - COSTS.review / COSTS.false_decline, rel=0.05)


def test_where_a_review_costs_more_than_the_payment_nothing_is_reviewed():
    (found,) = threshold_proposals.by_cost([calibrated(1, amount=5)], Costs(review=10, false_decline=12))

    assert found.review == found.decline
    assert THRESHOLDS[found.review] == pytest.approx(12 / 17, abs=0.03)


def test_labels_bear_out_scores_that_are_probabilities():
    payments = calibrated(2, amount=50)

    verdict = threshold_proposals.compare(payments, COSTS)

    assert verdict is not None
    assert verdict.is_agreed
    assert not threshold_proposals.calibration(payments).is_off


def test_scores_that_are_too_high_are_found_out():
    payments = calibrated(3, amount=50, wrong=0.3)

    verdict = threshold_proposals.compare(payments, COSTS)

    assert verdict is not None
    assert not verdict.is_agreed
    assert verdict.review.low > verdict.by_scores.review
    assert threshold_proposals.calibration(payments).is_off
    assert threshold_proposals.compare(payments, COSTS) == verdict


@pytest.mark.parametrize(("frauds", "days", "is_told"), [(19, 30, False), (20, 30, True), (40, 6, False)])
def test_few_labels_or_days_name_no_best_threshold(frauds, days, is_told):
    rows = [Row(i % days, 0.6, 50, "fraud") for i in range(frauds)] + [Row(i % days, 0.1, 50) for i in range(100)]
    payments = payments_of(rows, days=days)

    assert (threshold_proposals.compare(payments, COSTS) is not None) == is_told
    assert (threshold_proposals.calibration(payments) is not None) == is_told


def test_a_busy_day_is_told_beside_the_average_one():
    rows = [Row(0, 0.9, 10)] * 95 + [Row(day, 0.9, 10) for day in range(1, 20)]

    said = threshold_proposals.account([payments_of(rows, days=20)], [Choice(0, LAST)], None)

    assert said.alerts == pytest.approx(114 / 20)
    assert said.alerts_busy == pytest.approx(np.quantile([95] + [1] * 19, 0.95))
    assert (said.cost_by_labels, said.cost_by_scores) == (None, None)
