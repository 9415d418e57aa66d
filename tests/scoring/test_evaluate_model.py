"""`evaluate_model`: what it prints for people and for programs, and what it refuses."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from scoring.models import Label, ModelVersion, Policy
from tests.factories import DAY, NOON
from tests.scoring.ml_data import make_dataset, record_decisions

pytestmark = pytest.mark.django_db
FIRST = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def policy() -> Policy:
    return Policy.objects.create(
        version=3, status="live", published_at=NOON, review_threshold=0.3, decline_threshold=0.8, note="first"
    )


@pytest.fixture
def record() -> None:
    record_history(timedelta(days=7))


def record_history(label_delay: timedelta) -> None:
    data = make_dataset(4000, days=28)
    decisions = record_decisions(data, first_at=FIRST)
    Label.objects.bulk_create(
        Label(decision=decision, label="fraud", source="chargeback", known_at=decision.occurred_at + label_delay)
        for decision, label in zip(decisions, data.labels, strict=True)
        if label
    )


@pytest.mark.usefixtures("record", "policy")
def test_the_report_for_programs_has_each_fold_their_mean_and_the_model(capsys):
    call_command("evaluate_model", "--from", "2026-10-01", "--folds", "2", "--json")

    report = json.loads(capsys.readouterr().out)
    assert [fold["from"] for fold in report["folds"]] == ["2026-10-01", "2026-10-08"]
    names = {"train_rows", "test_rows", "auc_roc", "average_precision", "card_precision_at_100"}
    assert names | {"precision", "recall", "f1"} <= set(report["folds"][0])
    average = sum(fold["average_precision"] for fold in report["folds"]) / 2
    assert report["mean"]["average_precision"] == pytest.approx(average)
    assert average > 0.3
    assert report["model"]["policy_version"] == 3
    assert report["folds"][0]["money"]["review"]["EUR"]["fraud_caught"]
    assert not ModelVersion.objects.exists()


@pytest.mark.usefixtures("record", "policy")
def test_the_table_for_people_has_a_line_a_fold(capsys):
    call_command("evaluate_model", "--from", "2026-10-01", "--from", "2026-10-08")

    told = capsys.readouterr()
    assert [line[:10] for line in told.out.splitlines()[1:4]] == ["2026-10-01", "2026-10-08", "mean      "]
    assert "review threshold of policy 3: 0.3" in told.out
    assert "Fold from 2026-10-08" in told.err


@pytest.mark.usefixtures("policy")
def test_labels_known_only_after_the_test_began_do_not_train():
    record_history(timedelta(days=40))

    with pytest.raises(CommandError, match="Fold from 2026-10-01: No fraud label is known") as caught:
        call_command("evaluate_model", "--from", "2026-10-01")

    assert caught.value.returncode == 1


@pytest.mark.usefixtures("record")
def test_without_a_policy_there_are_no_thresholds_to_measure_at():
    with pytest.raises(CommandError, match="No policy") as caught:
        call_command("evaluate_model", "--from", "2026-10-01")

    assert caught.value.returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [["--folds", "0"], ["--train-days", "0"], ["--test-days", "-1"], ["--delay-days", "-1"]],
)
def test_bad_numbers_end_with_code_2(arguments):
    with pytest.raises(CommandError) as caught:
        call_command("evaluate_model", "--from", "2026-10-01", *arguments)

    assert caught.value.returncode == 2


def test_a_fold_starts_at_midnight():
    with pytest.raises(CommandError, match="must be a day") as caught:
        call_command("evaluate_model", "--from", "2026-10-01T12:00")

    assert caught.value.returncode == 2


@pytest.mark.usefixtures("record", "policy")
def test_a_later_correction_is_the_truth_of_the_test(capsys):
    tested = Label.objects.filter(
        decision__occurred_at__gte=FIRST + 14 * DAY, decision__occurred_at__lt=FIRST + 21 * DAY
    )
    reports = []
    for correct in (False, True):
        if correct:
            Label.objects.bulk_create(
                Label(decision_id=label.decision_id, label="legitimate", source="chargeback",
                      known_at=label.known_at + DAY)
                for label in tested[:5]
            )  # fmt: skip
        call_command("evaluate_model", "--from", "2026-10-01", "--json")
        reports.append(json.loads(capsys.readouterr().out)["folds"][0])

    assert reports[0]["train_rows"] == reports[1]["train_rows"]
    assert reports[1]["test_frauds"] < reports[0]["test_frauds"]
