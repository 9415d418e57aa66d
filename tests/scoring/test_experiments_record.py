"""The record of an experiment: who is in which arm, what counts, what is known, and what it cost."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scoring.ml.experiments.comparing import CardSums
from scoring.queries_experiments import Window, arm_figures
from scoring.services import model_stages
from scoring.services.experiments import figures_by
from tests.factories import DAY, HOUR, make_user
from tests.scoring.experiment_record import START, begin, decided, fraud

pytestmark = pytest.mark.django_db
OLD, NEW = "m-old", "m-new"


@pytest.fixture
def experiment(monkeypatch):
    monkeypatch.setattr(model_stages, "check_scores", lambda row: None)
    return begin(make_user("manager"))


def by(experiment, days: int = 12, currency: str = "all") -> dict:
    return figures_by(experiment, START + days * DAY)["arms"].get(currency, {})


def sums(arm, metric: str) -> CardSums:
    cards, hits, *values = arm["sums"][metric]
    return CardSums(int(cards), int(hits), *values)


def test_each_model_has_the_cards_it_decided_for(experiment):
    for card in ("a", "a", "b"):
        decided(OLD, card)
    decided(NEW, "c", outcome="review")
    decided("m-other", "d")

    arms = by(experiment)

    assert (arms["champion"]["cards"], arms["champion"]["payments"]) == (2, 3)
    assert (arms["challenger"]["cards"], arms["challenger"]["flagged"]) == (1, 1)
    assert figures_by(experiment, START + DAY)["left_out"] == {"degraded": 0, "other_models": 1}


def test_the_sums_are_those_of_the_cards_one_by_one(experiment):
    # Old enough: card a loses 100 and 2 for a review, card b 15 for a good payment declined. What the declined one of
    # card c was nobody knows.
    fraud(decided(OLD, "a", "100"))
    decided(OLD, "a", "70", "review")
    fraud(decided(OLD, "b", "50", "decline"), "legitimate", source="customer")
    decided(OLD, "c", "20", "decline")

    arm = by(experiment, currency="EUR")["champion"]

    assert sums(arm, "loss") == CardSums.of([102, 15, 0], [2, 1, 1])
    assert sums(arm, "fraud_rate") == CardSums.of([1], [1])
    assert sums(arm, "precision") == CardSums.of([0, 0], [1, 1])
    assert (arm["missed"], arm["missed_money"], arm["bothered"]) == (1, "100.0000", 2)


def test_what_is_too_young_counts_for_no_loss_and_alerts_count_once_reviewed(experiment):
    fraud(decided(NEW, "a", outcome="review", at=START + 10 * DAY), after=HOUR)
    decided(NEW, "b", outcome="review", at=START + 10 * DAY)
    fraud(decided(NEW, "c", at=START + 10 * DAY), after=HOUR)

    arm = by(experiment)["challenger"]

    # Of the young only those are known that were found out: they would look like all there is.
    assert sums(arm, "fraud_rate").n == 0
    assert sums(arm, "precision") == CardSums.of([1], [1])
    assert arm["unknown"] == 1


def test_the_weightiest_source_is_believed_and_what_was_withdrawn_says_nothing(experiment):
    contested, taken_back = decided(NEW, "a"), decided(NEW, "b")
    fraud(contested)
    fraud(contested, "legitimate", source="analyst", after=3 * DAY)
    fraud(taken_back, source="analyst")
    fraud(taken_back, "withdrawn", source="analyst", after=3 * DAY)

    assert by(experiment)["challenger"]["frauds"] == 1


def test_what_one_source_takes_back_leaves_what_another_says(experiment):
    disputed = decided(NEW, "a")
    fraud(disputed)
    fraud(disputed, "withdrawn", after=3 * DAY)
    fraud(disputed, source="analyst")

    assert by(experiment)["challenger"]["frauds"] == 1


def test_labels_that_come_later_are_not_known_yet(experiment):
    fraud(decided(NEW, "a"), after=9 * DAY)

    assert by(experiment, 8)["challenger"]["frauds"] == 0
    assert by(experiment, 10)["challenger"]["frauds"] == 1


def test_cards_that_both_decided_for_and_what_was_degraded_are_left_out_and_counted(experiment):
    for model in (OLD, NEW):
        decided(model, "both")
    decided(OLD, "a")
    decided(NEW, "b", degraded=["features"])
    decided("", "c", degraded=["model"])

    found = figures_by(experiment, START + DAY)

    assert found["crossed_cards"] == 1
    assert found["left_out"] == {"degraded": 2, "other_models": 0}
    assert "challenger" not in found["arms"]["all"]


def test_what_lists_decided_stays_in_and_what_files_brought_does_not(experiment):
    decided(NEW, "a", outcome="decline", rule_hits=["list:block"])
    decided(NEW, "b", source="file:june.csv")
    decided(NEW, "c", at=START - HOUR)
    decided(NEW, "d", at=START + timedelta(seconds=5))

    assert by(experiment)["challenger"]["cards"] == 1


def test_money_of_different_currencies_is_never_added(experiment):
    fraud(decided(NEW, "a", "100"))
    fraud(decided(NEW, "a", "9000", currency="JPY"))
    decided(NEW, "a", "9000", "review", currency="JPY")

    arms = figures_by(experiment, START + 12 * DAY)["arms"]

    assert sums(arms["EUR"]["challenger"], "loss") == CardSums.of([100], [1])
    # What a review costs is said in EUR: in JPY only the fraud counts.
    assert sums(arms["JPY"]["challenger"], "loss") == CardSums.of([9000], [2])
    assert "loss" not in arms["all"]["challenger"]["sums"]
    assert "missed_money" not in arms["all"]["challenger"]
    assert arms["all"]["challenger"]["cards"] == 1


def test_for_planning_all_models_are_one_arm(experiment):
    decided(OLD, "a")
    decided("m-older", "a")
    window = Window(START, START + DAY, START + 12 * DAY, 7, "EUR")

    arms = arm_figures(window)["arms"]

    assert arms["all"]["champion"]["payments"] == 2
    assert list(arms["all"]) == ["champion"]


def test_it_takes_two_queries_however_many_payments_there_are(experiment):
    for card in range(30):
        decided(NEW, f"c-{card}")

    with CaptureQueriesContext(connection) as queries:
        figures_by(experiment, START + DAY)

    assert len(queries) == 2
