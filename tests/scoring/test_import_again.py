"""An import run twice, interrupted, or cut off by a crash ends like one that was left alone."""

import pytest
from django.core.management import CommandError

from scoring.importing import service
from scoring.models import Decision, PendingFeatures
from scoring.services import decisions
from tests.scoring.import_files import (
    clear,
    make_rows,
    publish_any_policy,
    record,
    refusals,
    run_import,
    states,
    vectors,
    write_csv,
    write_mapping,
)

policy = pytest.fixture(publish_any_policy)
mapping = pytest.fixture(write_mapping)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]


def test_the_same_id_with_other_content_is_rejected(tmp_path, mapping):
    rows = make_rows(4)
    rows[3]["id"] = rows[0]["id"]
    run_import(write_csv(tmp_path / "p.csv", rows), mapping)

    report = run_import(write_csv(tmp_path / "other.csv", [rows[1] | {"paid": 999}, rows[2]]), mapping)

    assert (report["new"], report["already_here"], report["rejected"]) == (0, 1, 1)
    assert refusals(tmp_path / "other.csv")[0]["errors"][0]["field"] == "transaction_id"


def test_running_it_twice_changes_nothing(tmp_path, mapping, valkey):
    path = write_csv(tmp_path / "p.csv", make_rows())
    run_import(path, mapping, "--batch-size", "25")
    before = record(), states(valkey)

    report = run_import(path, mapping)

    assert (record(), states(valkey)) == before
    assert (report["new"], report["already_here"], report["rejected"], report["labels_new"]) == (0, 60, 0, 0)


@pytest.mark.parametrize("batch_size", [1, 7, 60])
def test_where_batches_begin_makes_no_difference(batch_size, tmp_path, mapping, valkey):
    path = write_csv(tmp_path / "p.csv", make_rows())
    run_import(path, mapping, "--batch-size", "13")
    expected = vectors()
    clear(valkey)

    run_import(path, mapping, "--batch-size", str(batch_size))

    assert vectors() == expected


def test_an_interrupted_import_goes_on_as_if_nothing_had_been(tmp_path, mapping, valkey, monkeypatch):
    path = write_csv(tmp_path / "p.csv", make_rows())
    run_import(path, mapping, "--batch-size", "10")
    expected = vectors()
    clear(valkey)
    calls = iter([False, False, True])
    monkeypatch.setattr(service._Import, "take", _stopping(service._Import.take, calls))

    with pytest.raises(CommandError, match="run the same command again") as stopped:
        run_import(path, mapping, "--batch-size", "10")
    assert stopped.value.returncode == 130
    assert Decision.objects.count() == 20
    monkeypatch.undo()
    report = run_import(path, mapping, "--batch-size", "10")

    assert (report["new"], report["already_here"]) == (40, 20)
    assert vectors() == expected


def _stopping(take, calls):
    def take_or_stop(self, *arguments):
        if next(calls):
            raise KeyboardInterrupt
        take(self, *arguments)

    return take_or_stop


def test_a_crash_between_record_and_features_is_mended(tmp_path, mapping, valkey, monkeypatch):
    path = write_csv(tmp_path / "p.csv", make_rows())
    run_import(path, mapping, "--batch-size", "10")
    expected = vectors()
    clear(valkey)
    written = iter(range(100))
    write = decisions._write_features
    monkeypatch.setattr(decisions, "_write_features", lambda *given: write(*given) if next(written) < 4 else _crash())
    with pytest.raises(CommandError, match="Stopped"):
        run_import(path, mapping, "--batch-size", "10")
    assert PendingFeatures.objects.exclude(label_ids=[]).exists()
    monkeypatch.undo()

    run_import(path, mapping, "--batch-size", "10")

    assert vectors() == expected


def _crash() -> None:
    raise KeyboardInterrupt


def test_a_lost_feature_store_is_filled_again_from_the_record(tmp_path, mapping, valkey):
    rows = make_rows(80)

    def import_both(between) -> list[bytes]:
        clear(valkey)
        run_import(write_csv(tmp_path / "first.csv", rows[:60]), mapping, "--batch-size", "10")
        between()
        run_import(write_csv(tmp_path / "second.csv", rows[60:]), mapping, "--batch-size", "10")
        return vectors()

    assert import_both(valkey.flushall) == import_both(lambda: None)
