"""Labels of a file: in the ledger with the time they became known, and learnt by the features then."""

from datetime import UTC, datetime, timedelta

import pytest

from scoring.models import Decision, Label
from scoring.queries import features_of
from tests.scoring.import_files import (
    MAPPING,
    START,
    make_rows,
    publish_any_policy,
    run_import,
    write_csv,
    write_mapping,
)

policy = pytest.fixture(publish_any_policy)
mapping = pytest.fixture(write_mapping)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]


def test_a_fraud_is_learnt_when_it_is_known_and_not_before(tmp_path, mapping):
    rows = [row | {"shop": 1} for row in make_rows(4, minutes=13 * 60)]
    rows[0]["fraud"], rows[3]["fraud"] = 1, 0

    run_import(write_csv(tmp_path / "p.csv", rows), mapping)

    frauds = [features_of(row)["merchant_decayed_frauds_7d"] for row in Decision.objects.order_by("id")]
    assert frauds[:2] == [0, 0]
    assert frauds[2] > 0
    label = Label.objects.get(label="fraud")
    assert label.known_at == START + timedelta(days=1)
    assert label.applied_at is not None


def test_a_label_keeps_when_it_was_said_and_why(tmp_path, mapping):
    mapping.write_text(
        MAPPING.replace("delay_days = 1", 'delay_days = 1\nasserted_at_column = "said"\nreason_column = "code"')
    )
    rows = [row | {"fraud": 1, "said": "", "code": ""} for row in make_rows(3)]
    rows[0] |= {"said": f"{START:%Y-%m-%d %H:%M:%S}", "code": "10.4"}
    rows[1] |= {"said": f"{START + timedelta(days=9):%Y-%m-%d %H:%M:%S}"}

    run_import(write_csv(tmp_path / "p.csv", rows), mapping)

    said = list(Label.objects.order_by("decision_id").values_list("asserted_at", "reason", "known_at"))
    assert said[0][:2] == (START, "10.4")
    # Nobody knew it before it was said: the mapping's delay is what counts.
    assert said[1][0] == said[1][2]
    assert said[2][:2] == (None, "")


def test_a_fraud_known_at_once_does_not_speak_of_itself(tmp_path, mapping):
    mapping.write_text(MAPPING.replace("delay_days = 1", "delay_days = 0"))
    rows = [row | {"shop": 1} for row in make_rows(2)]
    rows[0]["fraud"] = 1

    run_import(write_csv(tmp_path / "p.csv", rows), mapping)

    frauds = [features_of(row)["merchant_decayed_frauds_7d"] for row in Decision.objects.order_by("id")]
    assert frauds[0] == 0
    assert frauds[1] > 0


def test_frauds_known_after_the_last_payment_are_learnt_at_the_end(tmp_path, mapping, valkey):
    rows = make_rows(4)

    run_import(write_csv(tmp_path / "p.csv", rows), mapping)

    assert not Label.objects.filter(applied_at=None).exists()


def test_a_fraud_that_is_not_known_yet_waits(tmp_path, mapping):
    recently = datetime.now(UTC) - timedelta(hours=1)
    rows = [make_rows(1)[0] | {"time": f"{recently:%Y-%m-%d %H:%M:%S}", "fraud": 1}]

    run_import(write_csv(tmp_path / "p.csv", rows), mapping)

    assert Label.objects.get().applied_at is None


def test_labels_may_say_themselves_when_they_became_known(tmp_path, mapping):
    known = MAPPING.replace("delay_days = 1", 'known_at_column = "known"').replace(
        "[time]", '[time]\nknown_at = "epoch_seconds"'
    )
    mapping.write_text(known)
    late = int((START + timedelta(days=3)).timestamp())
    rows = make_rows(3)
    rows[0] |= {"fraud": 1, "known": late}
    rows[1] |= {"fraud": 0, "known": None}
    rows[2] |= {"fraud": 1, "known": None}

    report = run_import(write_csv(tmp_path / "p.csv", rows), mapping)

    assert Label.objects.get().known_at == START + timedelta(days=3)
    assert (report["new"], report["rejected"], report["labels_new"]) == (2, 1, 1)


def test_labels_added_to_the_file_later_come_in(tmp_path, mapping):
    rows = make_rows(10)
    unlabelled = [row | {"fraud": ""} for row in rows]
    run_import(write_csv(tmp_path / "p.csv", unlabelled), mapping)

    report = run_import(write_csv(tmp_path / "p.csv", rows), mapping)

    assert (report["new"], report["labels_new"]) == (0, 10)
    assert not Label.objects.filter(applied_at=None).exists()


def test_a_payment_twice_in_a_file_is_learnt_once(tmp_path, mapping):
    rows = make_rows(6, minutes=600)
    rows[0]["fraud"] = 1
    doubled = [rows[0], *rows]
    run_import(write_csv(tmp_path / "p.csv", doubled), mapping)

    assert (Decision.objects.count(), Label.objects.filter(label="fraud").count()) == (6, 2)
    seen = features_of(Decision.objects.get(transaction_id="1003"))["merchant_decayed_frauds_7d"]
    assert 0 < seen <= 1
