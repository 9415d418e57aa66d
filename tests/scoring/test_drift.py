"""Drift on the record: days counted once, reports, alarms, and who is told what when it cannot be measured."""

import json
import threading
from datetime import timedelta

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from scoring.features.definitions import INDEX
from scoring.models import Decision, DriftAlarm, DriftDay, DriftReport, DriftSettings, ModelVersion
from scoring.services import drift
from scoring.services.drift import ClosedAlarmError, DriftImpossibleError, measure_drift
from scoring.services.drift_days import days_between, last_midnight
from scoring.services.labelled_sample import mature_payments
from tests.factories import DAY, HOUR, make_user
from tests.scoring.drift_world import (
    A_DAY,
    AT,
    FIRST,
    MIDNIGHT,
    TRAINED,
    TRAINED_TO,
    WINDOW,
    history,
    record,
    store,
    with_larger_amounts,
)  # fmt: skip

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def settings_for_few():
    DriftSettings.objects.update_or_create(id=1, defaults={"least_rows": 500})


@pytest.fixture
def stable():
    data = history()
    record(data)
    return store(data)


@pytest.fixture
def drifted():
    data = history()
    record(with_larger_amounts(data, 1.6))
    return store(data)


def codes(report: DriftReport) -> dict[str, str]:
    return {one["code"]: one["severity"] for one in report.figures["findings"]}


def test_payments_as_in_training_raise_nothing(stable):
    report = measure_drift(at=AT)

    assert (report.status, report.words) == ("ok", "Payments of the last 7 days look as in training.")
    assert (report.since, report.until) == (MIDNIGHT - 7 * DAY, MIDNIGHT)
    assert report.figures["rows"] == report.figures["payments"] == WINDOW * A_DAY
    assert not DriftAlarm.objects.exists()


def test_larger_amounts_are_found_and_told_of_in_words(drifted):
    report = measure_drift(at=AT)

    assert report.status == "alarm"
    assert codes(report)["feature amount"] == "alarm"
    alarm = DriftAlarm.objects.get(code="feature amount")
    assert "amount: the middle value is" in alarm.words
    assert "higher than in training" in alarm.words
    assert (alarm.model, alarm.opened_at, alarm.closed_at) == (drifted, AT, None)
    # The trees lean on the amount: their scores move with it.
    assert "score" in codes(report)


def test_the_daily_report_is_made_once_a_day_and_others_whenever_asked(stable):
    first = measure_drift(at=AT, is_daily=True)

    assert measure_drift(at=AT + HOUR, is_daily=True) == first
    assert drift.measure_daily(at=AT + HOUR) is None
    assert measure_drift(at=AT + HOUR) != first
    assert drift.measure_daily(at=AT + DAY).until == MIDNIGHT + DAY
    assert DriftReport.objects.filter(is_daily=True).count() == 2


def test_a_day_is_counted_once_and_only_when_it_is_over(stable):
    measure_drift(at=AT)
    before = DriftDay.objects.count()

    measure_drift(at=AT + DAY)

    assert DriftDay.objects.count() == before + 1
    assert last_midnight(MIDNIGHT + timedelta(minutes=59)) == MIDNIGHT - DAY
    assert last_midnight(MIDNIGHT + HOUR) == MIDNIGHT
    assert days_between(MIDNIGHT + HOUR, MIDNIGHT + 3 * DAY)[0] == (MIDNIGHT + DAY).date()


def test_what_is_already_counted_stays_and_can_be_counted_anew(stable, capsys, monkeypatch):
    measure_drift(at=AT)
    Decision.objects.filter(occurred_at__gte=MIDNIGHT - DAY).update(outcome="decline")
    monkeypatch.setattr("scoring.management.commands.measure_drift.now", lambda: AT)

    call_command("measure_drift", "--json")
    first = json.loads(capsys.readouterr().out)
    call_command("measure_drift", "--recount")

    assert first["alerts"]["part"] == 0
    assert "Alerts: " in capsys.readouterr().out
    assert DriftReport.objects.latest("id").figures["alerts"]["part"] == A_DAY


def test_of_many_payments_a_sample_of_cards_is_counted(stable):
    DriftSettings.objects.update_or_create(id=1, defaults={"rows_a_day": 150, "least_rows": 100})
    Decision.objects.filter(occurred_at__gte=MIDNIGHT - DAY).update(occurred_at=MIDNIGHT - 2 * DAY)
    Decision.objects.filter(occurred_at__gte=MIDNIGHT - 4 * DAY, occurred_at__lt=MIDNIGHT - 3 * DAY).update(
        occurred_at=MIDNIGHT - 2 * DAY
    )

    measure_drift(at=AT)

    day = DriftDay.objects.get(day=(MIDNIGHT - 2 * DAY).date())
    assert day.payments == 3 * A_DAY
    assert 90 < day.rows < 230


def test_few_payments_are_not_judged(stable):
    DriftSettings.objects.update_or_create(id=1, defaults={"least_rows": WINDOW * A_DAY + 1})

    report = measure_drift(at=AT)

    assert (report.status, report.figures["findings"]) == ("unknown", [])
    assert report.words == "700 payments with features in the last 7 days: nothing is said of fewer than 701."


def test_a_lost_field_is_found(stable):
    rows = list(Decision.objects.filter(occurred_at__gte=MIDNIGHT - 7 * DAY))
    for row in rows:
        vector = np.frombuffer(row.features, np.float32).copy()
        vector[INDEX["device_count_1h"]] = np.nan
        row.features = vector.tobytes()
    Decision.objects.bulk_update(rows, ["features"], batch_size=500)

    report = measure_drift(at=AT)

    assert codes(report)["missing device_count_1h"] == "alarm"
    values = {one["name"]: one for one in report.figures["values"]}
    assert (values["device_count_1h"]["ks"], values["device_count_1h"]["missing"]) == (None, 1.0)


def test_an_alarm_stays_one_and_closes_when_it_is_over(drifted):
    measure_drift(at=AT)
    measure_drift(at=AT + HOUR)
    alarm = DriftAlarm.objects.get(code="feature amount")
    assert (alarm.opened_at, alarm.seen_at) == (AT, AT + HOUR)

    DriftSettings.objects.update(effect_alarm=0.9)
    measure_drift(at=AT + 2 * HOUR)

    alarm.refresh_from_db()
    assert alarm.closed_at == AT + 2 * HOUR


def test_what_could_not_be_looked_at_keeps_its_alarms(drifted, settings):
    settings.LABEL_MATURITY_DAYS = 120
    measure_drift(at=AT)
    DriftAlarm.objects.create(model=drifted, code="calibration", words="Scores are too low", opened_at=AT, seen_at=AT)
    DriftSettings.objects.update(least_rows=WINDOW * A_DAY + 1)

    measure_drift(at=AT + HOUR)

    still_open = DriftAlarm.objects.filter(closed_at=None)
    assert {"feature amount", "calibration"} <= set(still_open.values_list("code", flat=True))
    assert not DriftAlarm.objects.filter(closed_at__isnull=False).exists()


def test_alarms_of_a_model_that_is_champion_no_more_are_over(drifted):
    measure_drift(at=AT)
    ModelVersion.objects.filter(id=drifted.id).update(stage="retired")
    store(history(seed=2), version="m2")

    measure_drift(at=AT + HOUR)

    assert not DriftAlarm.objects.filter(model=drifted, closed_at=None).exists()


def test_an_alarm_is_acknowledged_once(drifted):
    measure_drift(at=AT)
    mia, mo = make_user("manager"), make_user("manager", username="mo")
    alarm = DriftAlarm.objects.get(code="feature amount")

    drift.acknowledge(alarm_id=alarm.id, actor=mia, now=AT)

    with pytest.raises(ClosedAlarmError):
        drift.acknowledge(alarm_id=alarm.id, actor=mo, now=AT)
    alarm.refresh_from_db()
    assert alarm.acknowledged_by == mia


def test_labels_are_those_that_are_mature_and_came_after_the_training(stable, settings):
    settings.LABEL_MATURITY_DAYS = 3

    labels = measure_drift(at=AT).figures["labels"]

    assert (labels["since"], labels["until"]) == (TRAINED_TO.isoformat(), (AT - 3 * DAY).isoformat())
    assert labels["rows"] == pytest.approx(4.5 * A_DAY, abs=2)
    assert labels["frauds"] > 5
    assert 0 < labels["expected"] < 3 * labels["frauds"]


def test_without_mature_labels_it_says_so(stable, settings):
    settings.LABEL_MATURITY_DAYS = 120

    report = measure_drift(at=AT)

    assert report.figures["labels"] == {"why": "No payment since its training is 120 days old yet."}


def test_twice_as_much_fraud_as_scores_expect_is_an_alarm(settings):
    settings.LABEL_MATURITY_DAYS = 1
    data = history()
    late = data.occurred_at >= data.occurred_at[0] + TRAINED * 86_400
    data.labels[late & (np.arange(len(data)) % 6 == 0)] = 1
    record(data)
    store(data)

    report = measure_drift(at=AT)

    assert codes(report)["calibration"] == codes(report)["label rate"] == "alarm"
    # They are of weeks before the seven days of the report.
    assert report.words.startswith("Frauds: ")
    assert DriftAlarm.objects.filter(code="calibration", words__startswith="Scores are too low").exists()


def test_a_sample_of_mature_payments_is_of_whole_cards(stable):
    known = mature_payments(FIRST, TRAINED_TO, labels_as_of=AT, maturity=timedelta(0), most=1000)
    everything = mature_payments(FIRST, TRAINED_TO, labels_as_of=AT, maturity=timedelta(0), most=10**6)

    assert 500 < len(known) < 1300
    kept = np.isin(everything.cards, known.cards)
    assert int(kept.sum()) == len(known)
    assert len(everything) == TRAINED * A_DAY


def test_without_a_champion_or_a_reference_it_says_what_to_do(capsys):
    with pytest.raises(DriftImpossibleError, match="No model is champion"):
        measure_drift(at=AT)
    store(history(), reference={})
    with pytest.raises(CommandError, match="Train another model and promote it"):
        call_command("measure_drift")
    assert drift.measure_daily(at=AT) is None


def test_a_request_is_answered_once(stable):
    mia = make_user("manager")
    assert drift.measure_asked(at=AT) is None
    drift.ask_for_report(by=mia, at=AT)
    drift.ask_for_report(by=make_user("manager", username="mo"), at=AT)

    report = drift.measure_asked(at=AT)

    assert (report.requested_by, report.is_daily) == (mia, False)
    assert drift.measure_asked(at=AT) is None


def test_a_request_that_cannot_be_met_is_over():
    drift.ask_for_report(by=make_user("manager"), at=AT)

    assert drift.measure_asked(at=AT) is None
    assert DriftSettings.objects.get().asked_at is None


@pytest.mark.parametrize("change", ["UPDATE scoring_driftreport SET words = ''", "DELETE FROM scoring_driftreport"])
def test_a_report_stays_as_it_is(stable, change):
    measure_drift(at=AT)

    with pytest.raises(DatabaseError, match="stays on record"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)


@pytest.mark.django_db(transaction=True)
def test_two_processes_make_one_daily_report(stable):
    start, made = threading.Barrier(2), []

    def measure() -> None:
        start.wait()
        try:
            made.append(measure_drift(at=AT, is_daily=True))
        finally:
            connection.close()

    threads = [threading.Thread(target=measure) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert DriftReport.objects.count() == 1
    assert [one for one in made if one is not None] in ([DriftReport.objects.get()], [DriftReport.objects.get()] * 2)
