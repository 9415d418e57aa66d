"""`build_dataset`: point in time, the same bytes again, whole or not at all."""

import json
import random
import signal
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from scoring.features.definitions import NAMES
from scoring.models import Decision, Label
from scoring.services import dataset_files
from tests.factories import DAY, HOUR, NOON
from tests.scoring.ml_data import make_dataset, record_decisions
from tests.scoring.payments import tampering

pytestmark = pytest.mark.django_db
FIRST = NOON - 20 * DAY
QUERY = (
    "--from", FIRST.isoformat(), "--to", NOON.isoformat(), "--labels-as-of", NOON.isoformat(), "--maturity-days", "0",
    "--validation-days", "3", "--test-days", "4", "--delay-days", "2",
)  # fmt: skip


def record(rows: int = 600, *, order: int | None = None) -> None:
    """Payments over 20 days, their frauds known a day later; `order` shuffles how they are inserted."""
    data = make_dataset(rows)
    places = list(range(rows))
    if order is not None:
        random.Random(order).shuffle(places)
    shuffled = {place: name for name, place in enumerate(places)}
    made = record_decisions(data, first_at=FIRST)
    if order is not None:
        # Inserted again in another order: ids differ, payments do not.
        Decision.objects.all().delete()
        for decision in made:
            decision.pk = None
        made = Decision.objects.bulk_create(sorted(made, key=lambda one: shuffled[int(one.transaction_id[1:])]))
    labels = {f"p{place:06d}": label for place, label in enumerate(data.labels)}
    Label.objects.bulk_create(
        Label(decision=one, label="fraud", source="chargeback", known_at=one.occurred_at + DAY)
        for one in made
        if labels[one.transaction_id]
    )


def build(folder: Path, *options: str) -> dict[str, Any]:
    call_command("build_dataset", str(folder), *QUERY, *options, stdout=StringIO(), stderr=StringIO())
    return json.loads((folder / "manifest.json").read_text())


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_payments_are_parted_by_time_with_a_gap_before_each_part(tmp_path):
    record()

    manifest = build(tmp_path / "set")

    frames = {name: pl.read_parquet(tmp_path / "set" / f"{name}-*.parquet") for name in manifest["splits"]}
    ends = {name: (frame["occurred_at"].min(), frame["occurred_at"].max()) for name, frame in frames.items()}
    assert ends["train"][1] < FIRST + 9 * DAY
    assert FIRST + 11 * DAY <= ends["validation"][0] < ends["validation"][1] < FIRST + 14 * DAY
    assert ends["test"][0] >= FIRST + 16 * DAY
    rows = sum(len(frame) for frame in frames.values())
    assert (
        rows
        + manifest["left_out"]["in_gaps"]
        + sum(sum(one["left_out"].values()) for one in manifest["splits"].values())
        == Decision.objects.count()
    )
    assert {name: sum(one["rows"].values()) for name, one in manifest["splits"].items()} == {
        name: len(frame) for name, frame in frames.items()
    }


def test_a_row_is_the_vector_that_was_stored(tmp_path):
    record(100)
    build(tmp_path / "set")

    row = pl.read_parquet(tmp_path / "set" / "test-*.parquet").row(0, named=True)

    stored = Decision.objects.get(transaction_id=row["transaction_id"])
    assert np.array([row[f"feature_{name}"] for name in NAMES], np.float32).tobytes() == bytes(stored.features)
    assert (row["amount"], row["card_id"], row["occurred_at"]) == (stored.amount, stored.card_id, stored.occurred_at)


def test_the_same_command_writes_the_same_bytes_whatever_the_order_of_insertion(tmp_path, monkeypatch):
    record()
    build(tmp_path / "first")
    with tampering():
        Label.objects.all().delete()
    Decision.objects.all().delete()
    record(order=7)
    monkeypatch.setattr(dataset_files.chunks, "__kwdefaults__", {"rows": 17})

    build(tmp_path / "second")

    assert bytes_of(tmp_path / "first") == bytes_of(tmp_path / "second")


@pytest.mark.parametrize("seed", range(3))
def test_what_happens_after_a_time_changes_nothing_before_it(tmp_path, seed):
    record(300)
    at = FIRST + 12 * DAY
    query = ("--to", at.isoformat(), "--labels-as-of", at.isoformat(), "--validation-days", "2", "--test-days", "2")
    build(tmp_path / "before", *query)
    chance = random.Random(seed)
    later, other = Decision.objects.filter(occurred_at__gte=at), make_dataset(10, seed=9).vectors[0].tobytes()
    with tampering():
        Label.objects.filter(known_at__gt=at).update(known_at=NOON + timedelta(days=chance.random()))
    for decision in later:
        decision.amount, decision.card_id = chance.randrange(1, 999), f"card-{chance.randrange(9)}"
        decision.features = other
    Decision.objects.bulk_update(later, ["amount", "card_id", "features"])
    for decision in chance.sample(list(Decision.objects.filter(occurred_at__lt=at, labels=None)), 20):
        Label.objects.create(decision=decision, label="fraud", source="issuer_report", known_at=at + HOUR)

    build(tmp_path / "after", *query)

    assert bytes_of(tmp_path / "before") == bytes_of(tmp_path / "after")


def test_legitimate_payments_are_sampled_by_their_ids_and_weigh_as_those_left_out(tmp_path):
    record(2000)

    half = build(tmp_path / "half", "--legitimate-share", "0.5")
    whole = build(tmp_path / "whole")

    train = pl.read_parquet(tmp_path / "half" / "train-*.parquet")
    assert set(train.filter(pl.col("label") == 0)["weight"]) == {2.0}
    assert set(train.filter(pl.col("label") == 1)["weight"]) == {1.0}
    assert half["splits"]["train"]["rows"]["fraud"] == whole["splits"]["train"]["rows"]["fraud"]
    assert half["splits"]["train"]["weights"]["legitimate"] == pytest.approx(
        whole["splits"]["train"]["rows"]["legitimate"], rel=0.1
    )
    assert half["splits"]["test"] == whole["splits"]["test"]
    kept = set(train["transaction_id"])
    assert kept < set(pl.read_parquet(tmp_path / "whole" / "train-*.parquet")["transaction_id"])


def test_payments_whose_label_is_not_known_are_counted_not_written(tmp_path):
    record()

    manifest = build(tmp_path / "set", "--maturity-days", "30")

    assert all(one["rows"]["legitimate"] == 0 for one in manifest["splits"].values())
    assert manifest["splits"]["train"]["left_out"]["label_not_known"] > 0
    assert manifest["splits"]["train"]["balancing_class_weights"] == {}


@pytest.mark.parametrize(("maturity_days", "is_told"), [("0", False), ("2", True)])
def test_payments_too_young_to_count_as_legitimate_are_told(tmp_path, maturity_days, is_told):
    told = StringIO()

    query = (*QUERY, "--maturity-days", maturity_days)
    call_command("build_dataset", str(tmp_path / "set"), *query, stdout=StringIO(), stderr=told)

    youngest = f"payments from {NOON - 2 * DAY:%Y-%m-%d %H:%M} on are not 2 days old at --labels-as-of"
    assert (youngest in told.getvalue()) is is_told


def test_the_manifest_says_which_sources_were_held_back(tmp_path, settings):
    record()
    settings.LABEL_SETTLE_DAYS = {"chargeback": 30}

    manifest = build(tmp_path / "set")

    assert manifest["query"]["settle_days"] == {"chargeback": 30}
    assert all(one["rows"]["fraud"] == 0 for one in manifest["splits"].values())


def test_long_parts_are_several_files_each_with_its_digest(tmp_path, monkeypatch):
    record()
    monkeypatch.setattr(dataset_files, "FILE_ROWS", 100)

    files = build(tmp_path / "set")["splits"]["train"]["files"]

    assert [one["rows"] for one in files[:-1]] == [100] * (len(files) - 1)
    assert len({one["sha256"] for one in files}) == len(files) > 1


def test_a_folder_that_exists_is_left_as_it_is(tmp_path):
    (tmp_path / "mine").mkdir()

    with pytest.raises(CommandError, match="exists already"):
        build(tmp_path / "mine")

    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--legitimate-share", "0"], "--legitimate-share 0 must be above 0"),
        (["--validation-days", "15"], "nothing is left to train on"),
        (["--to", (FIRST - DAY).isoformat()], "is not before --to"),
        (["--labels-as-of", (NOON - DAY).isoformat()], "is after --labels-as-of"),
        (["--labels-as-of", "2999-01-01"], "--labels-as-of: '2999-01-01' is in the future"),
    ],
)
def test_what_cannot_be_built_is_said_and_leaves_nothing(tmp_path, options, said):
    with pytest.raises(CommandError, match=said):
        build(tmp_path / "set", *options)

    assert list(tmp_path.iterdir()) == []


def test_what_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    record()
    monkeypatch.setattr(dataset_files, "_manifest", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        build(tmp_path / "set")

    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_leaves_no_folder_of_that_name_and_the_next_one_finishes(tmp_path):
    target = tmp_path / "set"
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(target)], check=False, cwd=settings.BASE_DIR)

    assert killed.returncode == -signal.SIGKILL
    assert not target.exists()
    record()
    build(target)
    assert "half.parquet" not in bytes_of(target)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


_KILLED = """
import os, signal, sys
from pathlib import Path
from scoring.services.new_folder import new_folder
with new_folder(Path(sys.argv[1])) as place:
    (place / "half.parquet").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
