"""`compare_models`: two models on the same payments."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from scoring.ml.experiments.same_payments import compare_scores
from scoring.ml.training import train
from scoring.models import Label
from scoring.services.models import TrainingPeriod, store_model
from tests.factories import DAY, NOON
from tests.scoring.ml_data import make_dataset, record_decisions

FIRST = datetime(2026, 10, 1, tzinfo=UTC)
DATES = ("--from", "2026-10-01", "--to", "2026-11-10", "--maturity-days", "1")


def test_a_model_that_knows_more_misses_less_and_one_beside_itself_nothing():
    payments = make_dataset(3000)
    truth = payments.labels.astype(float)
    blind, seeing = np.full(3000, 0.05), 0.05 + 0.9 * truth

    found = {
        one.name: one for one in compare_scores(payments, blind, seeing, alerts=0.06, chance=np.random.default_rng(1))
    }
    same = compare_scores(payments, seeing, seeing, alerts=0.06, chance=np.random.default_rng(1))

    assert found.keys() == {"brier", "frauds_missed", "money_missed_EUR"}
    for one in found.values():
        assert one.second < one.first
        assert one.difference.high < 0
    assert all((one.difference.low, one.difference.high) == (0.0, 0.0) for one in same)


def test_money_is_missed_by_currency():
    payments = make_dataset(400)
    payments.currencies[:] = np.where(np.arange(400) % 2, "EUR", "SEK")
    scores = np.linspace(0, 1, 400)

    found = compare_scores(payments, scores, scores[::-1].copy(), alerts=0.5, chance=np.random.default_rng(1))

    assert [(one.name, one.payments) for one in found[2:]] == [("money_missed_EUR", 200), ("money_missed_SEK", 200)]
    # The first flags the later half: it misses the frauds of the earlier one.
    early = (payments.labels == 1) & (np.arange(400) < 200) & (payments.currencies == "EUR")
    assert found[2].first == pytest.approx(payments.amounts[early].sum() / 200)


@pytest.fixture
def models(db):
    period = TrainingPeriod(FIRST - 30 * DAY, FIRST, FIRST, timedelta(0))
    weak = store_model(train(make_dataset(600, seed=5), seed=1), period)
    strong = store_model(train(make_dataset(4000, seed=6), seed=1), TrainingPeriod(FIRST - 40 * DAY, NOON, NOON, DAY))
    data = make_dataset(1500, days=28)
    decisions = record_decisions(data, first_at=FIRST)
    Label.objects.bulk_create(
        Label(decision=decision, label="fraud", source="chargeback", known_at=NOON)
        for decision, label in zip(decisions, data.labels, strict=True)
        if label
    )
    return weak.version, strong.version


def test_the_command_compares_what_is_stored_and_says_who_has_seen_the_days(models, capsys):
    call_command("compare_models", *models, *DATES, "--alerts", "0.05", "--json")

    told = capsys.readouterr()
    report = json.loads(told.out)
    assert report["payments"] == 1500
    brier = report["measures"][0]
    assert brier["second"] < brier["first"]
    assert brier["difference"]["value"] == pytest.approx(brier["second"] - brier["first"])
    assert f"Model {models[1]} learnt from payments up to 2026-11-20" in told.err
    assert models[0] not in told.err
    call_command("compare_models", *models, *DATES)
    assert "second less first" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--alerts", "0"), "above 0 and below 1"),
        (("--alerts", "nan"), "above 0 and below 1"),
        (("--to", "2026-09-01"), "--from must be before --to"),
        (("--from", "2026-11-09"), "No payment of these days is known to be fraud"),
    ],
)
def test_what_cannot_be_compared_is_said(models, wrong, said):
    with pytest.raises(CommandError, match=said):
        call_command("compare_models", *models, *DATES, *wrong)


def test_a_model_that_is_not_there_is_named(db):
    with pytest.raises(CommandError, match="no model m-none"):
        call_command("compare_models", "m-none", "m-other", *DATES)
