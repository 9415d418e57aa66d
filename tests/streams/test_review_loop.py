"""A desk tried on payments whose truth is known."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from cases.models import AuditDraw, Case, Verdict
from scoring.models import Decision, Label, ModelVersion
from streams.review_loop.figures import Scored, weeks

MAPPING = Path(__file__).parents[2] / "docs" / "mappings" / "simulated.toml"
START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS, REVIEWS, CHARGEBACK_DAYS = 8, 5, 3


@pytest.fixture(scope="module")
def history(tmp_path_factory) -> Path:
    """Eight days of a small world, one payment in twenty of them fraud."""
    path = tmp_path_factory.mktemp("history") / "payments.jsonl"
    call_command(
        "simulate", file=path, days=DAYS, start=START.isoformat(), fraud_rate=0.05, with_labels=True, seed=5,
        cards=150, merchants=100, payments_per_day=2.0,
    )  # fmt: skip
    return path


def simulate_review(path: Path, capsys, **options: object) -> dict:
    usual = {
        "mapping": MAPPING, "reviews_a_day": REVIEWS, "chargeback_days": CHARGEBACK_DAYS, "retrain_days": 4,
        "maturity_days": 0, "audit_share": 0.4,
    }  # fmt: skip
    call_command("simulate_review", path, json=True, **usual | options)
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def frauds_of(path: Path) -> set[str]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {row["transaction_id"] for row in rows if row.get("fraud") == 1}


@pytest.mark.django_db(transaction=True)
def test_a_desk_reviews_as_much_as_it_can_and_the_model_learns_from_it(history, capsys):
    figures = simulate_review(history, capsys)

    a_day = Counter(said_at.date() for said_at in Verdict.objects.values_list("said_at", flat=True))
    assert a_day
    assert max(a_day.values()) <= REVIEWS
    assert not Case.objects.filter(verdict=Case.Verdict.FRAUD, decided_by=None).exists()
    assert ModelVersion.objects.filter(stage="champion").count() == 1
    assert Decision.objects.exclude(model_version="").exists()
    assert [one["week"] for one in figures["weeks"]] == ["2026-03-02"]
    recall = figures["recall"]
    assert 0 < recall["reviewed"] <= AuditDraw.objects.count() <= DAYS * REVIEWS
    assert 0 < recall["low"] <= recall["estimate"] <= recall["high"] <= 1


@pytest.mark.django_db(transaction=True)
def test_what_is_said_is_true_and_comes_when_it_can_be_known(history, capsys):
    simulate_review(history, capsys)

    frauds = frauds_of(history)
    for label in Label.objects.select_related("decision"):
        is_fraud = label.decision.transaction_id in frauds
        waited = label.known_at - label.decision.occurred_at
        assert (label.label == Label.Value.FRAUD) == is_fraud
        if label.source == Label.Source.CHARGEBACK:
            assert timedelta(days=CHARGEBACK_DAYS) <= waited <= timedelta(days=CHARGEBACK_DAYS + 1)
        else:
            assert timedelta(0) < waited <= timedelta(days=9)
    assert not Label.objects.filter(label=Label.Value.FRAUD, applied_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_a_desk_without_reviews_hears_of_chargebacks_only(history, capsys):
    simulate_review(history, capsys, reviews_a_day=0)

    assert not Verdict.objects.filter(state=Verdict.State.DONE, verdict="fraud").exists()
    assert set(Label.objects.values_list("source", flat=True)) == {Label.Source.CHARGEBACK}


@pytest.mark.django_db(transaction=True)
def test_payments_of_others_are_not_mixed_in(history, capsys):
    simulate_review(history, capsys, last=START.date())

    with pytest.raises(CommandError, match="empty database"):
        simulate_review(history, capsys)


@pytest.mark.django_db(transaction=True)
def test_a_file_that_goes_back_in_time_is_refused(history, tmp_path, capsys):
    lines = history.read_text().splitlines()
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text("\n".join([lines[-1], lines[0], lines[1]]))

    with pytest.raises(CommandError, match="sort the file by time"):
        simulate_review(mixed, capsys)


@pytest.mark.django_db(transaction=True)
def test_a_mapping_without_a_label_is_refused(history, tmp_path, capsys):
    mapping = tmp_path / "no_label.toml"
    mapping.write_text(MAPPING.read_text().partition("[label]")[0])

    with pytest.raises(CommandError, match="names no label"):
        simulate_review(history, capsys, mapping=mapping)


@pytest.mark.django_db(transaction=True)
def test_a_card_whose_fraud_is_known_is_not_looked_at_again_for_a_while(history, capsys):
    simulate_review(history, capsys, audit_share=0.0, known_days=3)

    said = sorted(Verdict.objects.filter(verdict="fraud").values_list("case__card_id", "said_at"))
    looked = sorted(Verdict.objects.values_list("case__card_id", "said_at"))
    assert said
    for card, found_at in said:
        assert not [at for other, at in looked if other == card and found_at < at < found_at + timedelta(days=3)]


def scored(*rows: tuple[str, float | None, bool]) -> list[Scored]:
    return [Scored(*row) for row in rows]


def test_a_card_whose_fraud_is_known_is_not_counted():
    days = {
        date(2026, 3, day): [Scored("a", 0.9, is_fraud=True, is_known=day > 2), *scored(("b", 0.1, False))]
        for day in range(1, 8)
    }

    assert [(one["payments"], one["frauds"]) for one in weeks(days, reviews=1)] == [(9, 2)]


def test_payments_without_a_score_rank_last():
    days = {date(2026, 3, day): scored(("a", None, True), ("b", 0.1, False)) for day in range(1, 8)}

    assert weeks(days, reviews=1)[0]["auc_roc"] == 0.0


def test_only_whole_weeks_with_both_classes_are_told():
    days = {date(2026, 3, day): scored(("a", 0.5, day == 1), ("b", 0.1, False)) for day in range(1, 16)}

    assert weeks(days, reviews=1) == []
