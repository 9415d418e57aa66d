"""The page of drift: what it says, who may act, and what is asked of the database."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now
from prometheus_client import CollectorRegistry

from cases.metrics import CaseCollector
from cases.modelling import drift_page
from cases.modelling.drift_queries import Day
from scoring.models import DriftAlarm, DriftDay, DriftReport, DriftSettings, ModelVersion, Retraining, TrainingRun
from tests.factories import DAY, NOON, make_user

pytestmark = pytest.mark.django_db
URL = "/models/drift/"


def champion(version: str = "m1") -> ModelVersion:
    return ModelVersion.objects.create(
        version=version, stage="champion", artefact=b"", signature="", feature_version="2", labels_as_of=NOON,
        trained_from=NOON - 60 * DAY, trained_to=NOON - 30 * DAY,
    )  # fmt: skip


def value(name: str, severity: str = "ok", words: str = "") -> dict:
    return {
        "name": name, "ks": 0.12, "psi": None, "usual_ks": 0.03, "usual_psi": 0.01, "missing": 0.25,
        "missing_then": 0.0, "severity": severity, "words": words or f"{name}: moved",
    }  # fmt: skip


def make_report(model: ModelVersion, *, values: int = 2, **fields) -> DriftReport:
    figures = {
        "findings": [], "trained_label_rate": 0.01, "rows": 2100, "payments": 70_000, "learnt_from": 22,
        "values": [value(f"feature_{number}") for number in range(values)],
        "drawn": {"feature_0": {"edges": [0.0, 1.0], "then": [0, 80, 20], "now": [0, 40, 60]}},
        "mixes": [{"sort": "channel", "distance": 0.3, "usual": 0.01, "severity": "alarm",
                   "then": {"pos": 1.0}, "now": {"pos": 0.7, "atm": 0.3}}],
        "alerts": {"part": 30, "whole": 1000, "low": 0.01, "high": 0.02, "severity": "ok"},
        "labels": {"rows": 1000, "frauds": 12, "expected": 9.6, "error": 0.0021, "slope": None,
                   "points": [[0.001, 0.0, 50]], "since": "2026-10-01T00:00:00", "until": "2026-10-29T00:00:00"},
    }  # fmt: skip
    values_of = {
        "since": NOON - 7 * DAY, "until": NOON, "status": "alarm", "words": "In the last 7 days: amounts moved.",
        "figures": figures, "is_daily": False, "made_at": NOON,
    }  # fmt: skip
    return DriftReport.objects.create(model=model, **values_of | fields)


def make_alarm(model: ModelVersion, code: str = "feature amount", **fields) -> DriftAlarm:
    values = {"words": "amount: <b>moved</b>", "opened_at": NOON, "seen_at": NOON}
    return DriftAlarm.objects.create(model=model, code=code, **values | fields)


@pytest.fixture
def mia(client):
    mia = make_user("manager")
    client.force_login(mia)
    return mia


@pytest.mark.usefixtures("mia")
def test_the_page_tells_what_moved(client):
    model = champion()
    make_report(model)
    make_alarm(model)
    DriftDay.objects.create(
        model=model, day=now().date() - timedelta(days=1), payments=100, flagged=2, rows=100,
        figures={"values": {"score": [0, 90, 10]}, "missing": {}, "kinds": {}},
    )  # fmt: skip

    page = client.get(URL).content.decode()

    assert "In the last 7 days: amounts moved." in page
    assert "amount: &lt;b&gt;moved&lt;/b&gt;" in page
    assert "feature_0: moved" in page
    assert page.count('class="histogram"') == 1
    assert "12 frauds in 1,000 mature payments of 2026-10-01 to 2026-10-29; the scores expect 10." in page
    assert "1.20%" in page
    assert "3.00% of payments were flagged; 1.00% to 2.00% in the four weeks before" in page
    assert "Alert rate" in page
    assert "Retraining by itself is off." in page


def test_alarms_that_nobody_looks_after_are_counted_beside_the_models_on_other_pages(client, mia):
    alarm = make_alarm(champion())

    def counted() -> int:
        return client.get("/search/").content.decode().count('title="Alarms of drift that nobody looks after">1<')

    assert counted() == 1
    client.force_login(make_user("analyst"))
    assert counted() == 0
    client.force_login(mia)
    DriftAlarm.objects.filter(id=alarm.id).update(acknowledged_by=mia, acknowledged_at=NOON)
    assert counted() == 0


@pytest.mark.usefixtures("mia")
def test_without_a_champion_or_a_report_it_says_what_to_do(client):
    assert "No model is champion" in client.get(URL).content.decode()
    champion()
    assert "Drift has not been measured yet" in client.get(URL).content.decode()


@pytest.mark.usefixtures("mia")
def test_a_report_of_too_few_payments_is_shown_without_rows(client):
    figures = {"findings": [], "trained_label_rate": 0.01, "labels": {"why": "No payment is 120 days old yet."}}
    make_report(champion(), status="unknown", words="12 payments: nothing is said.", figures=figures)

    page = client.get(URL).content.decode()

    assert "12 payments: nothing is said." in page
    assert "No payment is 120 days old yet." in page
    assert "What moved most" not in page


def test_who_may_only_look_sees_no_buttons(client):
    make_alarm(champion())
    client.force_login(make_user("auditor"))

    page = client.get(URL).content.decode()

    assert "Measure now" not in page
    assert "I look after it" not in page
    assert client.post(reverse("measure_drift")).status_code == 403
    assert client.post(reverse("acknowledge_drift", args=[DriftAlarm.objects.get().id])).status_code == 403


def test_a_manager_asks_for_a_report(client, mia):
    champion()

    response = client.post(reverse("measure_drift"), follow=True)

    assert "Drift is being measured" in response.content.decode()
    assert "Being measured" in response.content.decode()
    asked = DriftSettings.objects.get()
    assert asked.asked_by == mia
    assert client.get(reverse("measure_drift")).status_code == 405


def test_a_manager_looks_after_an_alarm_once(client, mia):
    alarm = make_alarm(champion())
    url = reverse("acknowledge_drift", args=[alarm.id])

    first, second = client.post(url, follow=True), client.post(url, follow=True)

    assert "You look after “feature amount” now" in first.content.decode()
    assert "Nothing was changed" in second.content.decode()
    alarm.refresh_from_db()
    assert alarm.acknowledged_by == mia
    assert client.post(reverse("acknowledge_drift", args=[10**19])).status_code == 404


def finished(model: ModelVersion, number: int) -> None:
    run = TrainingRun.objects.create(
        trained_from=NOON - DAY, trained_to=NOON, labels_as_of=NOON, maturity_days=0, status="done", model=model
    )
    Retraining.objects.create(run=run, then="propose", words=f"No {number}", outcome="kept", finished_at=NOON)


@pytest.mark.usefixtures("mia")
def test_the_number_of_queries_is_the_same_with_more_rows(client):
    model = champion()
    asked = []
    for round_ in range(2):
        for number in range(1 + 4 * round_):
            make_report(model, values=4 + number, made_at=NOON + number * DAY + round_ * timedelta(hours=1))
            make_alarm(model, f"code {round_} {number}")
            make_alarm(model, f"over {round_} {number}", closed_at=NOON)
            finished(model, number)
        client.get(URL)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(URL)
        asked.append(len(queries))

    assert asked[0] == asked[1]


@pytest.mark.usefixtures("mia")
def test_the_admin_changes_settings_and_says_who_did(client, mia):
    url = reverse("admin:scoring_driftsettings_change", args=[1])
    values = {
        "window_days": 14, "least_rows": 1000, "rows_a_day": 10_000, "effect_watch": 0.05, "effect_alarm": 0.2,
        "times_usual": 2.0, "missing_alarm": 0.05, "rate_alarm": 2.0,
    }  # fmt: skip
    client.get(url)

    assert client.post(url, values).status_code == 302
    assert client.post(url, values | {"effect_alarm": 0.01}).status_code == 200

    found = DriftSettings.objects.get()
    assert (found.window_days, found.effect_alarm, found.changed_by) == (14, 0.2, mia)
    history = client.get(reverse("admin:scoring_driftsettings_history", args=[1])).content.decode()
    assert "Changed Window days and Effect alarm" in history


def test_metrics_tell_of_alarms_and_of_the_newest_report():
    registry = CollectorRegistry()
    registry.register(CaseCollector())
    assert registry.get_sample_value("fraud_drift_report_timestamp_seconds") == 0.0
    model = champion()
    make_alarm(model)
    make_report(model)

    assert registry.get_sample_value("fraud_drift_alarms") == 1.0
    assert registry.get_sample_value("fraud_drift_report_timestamp_seconds") == NOON.timestamp()


def test_high_scores_are_those_of_the_highest_hundredth_in_training():
    then = [0, *[10] * 99, 9, 1]
    day = Day(NOON.date(), 1000, 10, [0] + [10] * 99 + [30, 5])

    (_, top) = drift_page.day_charts([day], then)

    assert "as the highest 1% did in training" in top.picture.words
    assert top.picture.rows[0][2] == f"{35 / 1025:.2%}"
    assert len(drift_page.day_charts([day], [])) == 1
    assert drift_page.day_charts([Day(NOON.date(), 0, 0, [])], then) == []
