"""Rows of a file become recorded payments, or are rejected with their reasons."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError

from scoring.models import Decision, Outbox, Policy
from tests.scoring.import_files import (
    MAPPING,
    START,
    make_rows,
    publish_any_policy,
    refusals,
    run_import,
    write_csv,
    write_mapping,
)

policy = pytest.fixture(publish_any_policy)
mapping = pytest.fixture(write_mapping)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]


def test_a_payment_is_recorded_as_the_mapping_says(tmp_path, mapping):
    mapping.write_text(MAPPING + '[prefix]\ncard_id = "bank-"\n[extra]\ncolumns = ["note", "empty"]\n')
    row = make_rows(1)[0] | {"paid": 57.16, "note": "gift", "empty": None}

    run_import(write_csv(tmp_path / "p.csv", [row]), mapping)

    decision = Decision.objects.get()
    assert decision.transaction_id == "1000"
    assert decision.card_id == "bank-0"
    assert decision.amount == Decimal("57.16")
    assert decision.record["amount"] == "57.16"
    assert decision.record["extra"] == {"note": "gift"}
    assert decision.occurred_at == decision.received_at == START
    assert not decision.is_late
    assert (decision.source, decision.position) == ("file:p.csv", "1")


def test_a_naive_time_is_of_the_mapping_s_timezone(tmp_path, mapping):
    mapping.write_text(MAPPING.replace('"UTC"', '"America/New_York"'))

    run_import(write_csv(tmp_path / "p.csv", make_rows(1)), mapping)

    assert Decision.objects.get().occurred_at == START + timedelta(hours=5)


def test_rejected_rows_are_kept_with_their_reasons(tmp_path, mapping):
    rows = make_rows(6)
    rows[1]["paid"] = "ten"
    rows[2]["card"] = "4111 1111 1111 1111"
    rows[3]["time"] = "yesterday"
    rows[4]["fraud"] = 2
    path = write_csv(tmp_path / "p.csv", rows)
    with path.open("a") as file:
        file.write("too,short\n")

    report = run_import(path, mapping)

    found = {refusal["row"]: refusal for refusal in refusals(path)}
    assert (report["rows"], report["new"], report["rejected"]) == (7, 2, 5)
    assert report["rejects_file"] == str(tmp_path / "rejects.jsonl")
    assert found[2]["errors"] == [{"field": "amount", "message": "is not a number"}]
    assert found[2]["record"]["paid"] == "ten"
    assert found[3]["record"]["card"] == "**** **** **** 1111"
    assert found[4]["errors"][0]["field"] == "occurred_at"
    assert found[5]["errors"][0]["field"] == "label"
    assert found[7]["errors"][0]["message"] == "has 2 cells where the header has 6"


def test_an_import_wakes_nobody(tmp_path, mapping):
    run_import(write_csv(tmp_path / "p.csv", make_rows()), mapping)

    assert not Outbox.objects.exists()


def test_a_file_whose_first_thousand_rows_are_wrong_stops_the_import(tmp_path, mapping):
    rows = [row | {"paid": "-"} for row in make_rows(1000, minutes=1)] + make_rows(5)
    path = write_csv(tmp_path / "p.csv", rows)

    with pytest.raises(CommandError, match="row 1: amount: is not a number") as failed:
        run_import(path, mapping)

    assert failed.value.returncode == 2
    assert not Decision.objects.exists()


def test_without_a_policy_nothing_is_imported(tmp_path, mapping):
    Policy.objects.update(status=Policy.Status.RETIRED)

    with pytest.raises(CommandError, match="policy") as failed:
        run_import(write_csv(tmp_path / "p.csv", make_rows(1)), mapping)

    assert failed.value.returncode == 2
