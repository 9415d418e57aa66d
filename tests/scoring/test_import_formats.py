"""Files of every format and compression become the same decisions; one that cannot be read is one sentence."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from django.core.management import CommandError

from scoring.models import Decision, Label
from tests.scoring.import_files import (
    MAPPINGS,
    clear,
    make_rows,
    publish_any_policy,
    run_import,
    vectors,
    write_bytes,
    write_csv,
    write_lines,
    write_mapping,
    write_parquet,
)

policy = pytest.fixture(publish_any_policy)
mapping = pytest.fixture(write_mapping)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]

HANDBOOK = Path(__file__).parents[3] / "shared" / "data" / "handbook.parquet"


WRITERS = [
    ("p.csv", write_csv), ("p.csv.gz", write_csv), ("p.csv.zst", write_csv), ("p.jsonl", write_lines),
    ("p.ndjson.gz", write_lines), ("p.json.zst", write_lines), ("p.parquet", write_parquet),
]  # fmt: skip


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_every_format_gives_the_same_decisions(name, write, tmp_path, mapping, valkey):
    rows = make_rows()
    run_import(write_csv(tmp_path / "reference.csv", rows), mapping)
    expected = vectors(), list(Decision.objects.order_by("id").values_list("record", "position"))
    clear(valkey)

    report = run_import(write(tmp_path / name, rows), mapping)

    assert (report["new"], report["rejected"], report["labels_new"]) == (60, 0, 60)
    assert (vectors(), list(Decision.objects.order_by("id").values_list("record", "position"))) == expected


@pytest.mark.parametrize("paid", [0.1 + 0.2, 85.64999999999999, 1e3, 7])
def test_a_float_amount_is_the_decimal_it_was_meant_to_be(paid, tmp_path, mapping):
    run_import(write_parquet(tmp_path / "p.parquet", [make_rows(1)[0] | {"paid": paid}]), mapping)

    assert Decision.objects.get().amount == Decimal(str(round(paid, 2)))


def test_a_short_float_shows_no_digits_it_never_had(tmp_path, mapping):
    path = write_parquet(tmp_path / "p.parquet", [make_rows(1)[0] | {"paid": 57.16}])
    pl.read_parquet(path).with_columns(pl.col("paid").cast(pl.Float32)).write_parquet(path)

    run_import(path, mapping)

    assert Decision.objects.get().amount == Decimal("57.16")


def test_a_json_line_that_is_none_is_rejected_and_the_next_one_is_not(tmp_path, mapping):
    path = write_lines(tmp_path / "p.jsonl", make_rows(2))
    good = path.read_bytes().splitlines()
    path.write_bytes(good[0] + b'\n{"id": 1, "id": 2}\n[1]\n\xff{\n' + good[1] + b"\n")

    report = run_import(path, mapping)

    assert (report["new"], report["rejected"]) == (2, 3)


def test_the_wire_format_needs_only_the_native_mapping(tmp_path):
    payment = {
        "transaction_id": "t-1", "occurred_at": "2024-03-01T08:00:00.125+01:00", "amount": "12.50", "currency": "EUR",
        "card_id": "card-1", "merchant_id": "shop-1", "merchant_category": "0742", "channel": "pos",
        "latitude": 48.85, "longitude": 2.35, "extra": {"terminal": 7, "ratio": 0.5},
    }  # fmt: skip
    path = write_lines(tmp_path / "p.jsonl", [payment])

    run_import(path, MAPPINGS / "native.toml")

    record = Decision.objects.get().record
    assert record == payment | {"occurred_at": "2024-03-01T07:00:00.125000Z"}
    assert run_import(path, MAPPINGS / "native.toml")["already_here"] == 1


def test_a_file_that_is_cut_off_says_how_far_it_was_read(tmp_path, mapping):
    for name in ("p.csv.gz", "p.csv.zst"):
        path = write_csv(tmp_path / name, make_rows(5000))
        path.write_bytes(path.read_bytes()[:-2000])

        with pytest.raises(CommandError, match=r"cannot be read after row [\d,]+: .*end") as failed:
            run_import(path, mapping, "--batch-size", "100")

        assert failed.value.returncode == 2
        assert Decision.objects.exists()


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path, mapping):
    broken = write_parquet(tmp_path / "p.parquet", make_rows(5))
    broken.write_bytes(broken.read_bytes()[:-50])
    for path, words in (
        (tmp_path / "none.csv", "No such file"),
        (tmp_path / "p.xlsx", "no known format"),
        (broken, "cannot be read"),
        (write_bytes(tmp_path / "empty.csv", b""), "no column 'id'"),
    ):
        with pytest.raises(CommandError, match=words) as failed:
            run_import(path, mapping)
        assert failed.value.returncode == 2
        assert "\n" not in str(failed.value)


@pytest.mark.skipif(not HANDBOOK.exists(), reason=f"{HANDBOOK} is not here")
def test_the_handbook_s_payments_come_in(tmp_path):
    path = tmp_path / "handbook.parquet"
    frame = pl.scan_parquet(HANDBOOK).head(5000).collect()
    frame.write_parquet(path)

    report = run_import(path, MAPPINGS / "handbook.toml")

    assert report["new"] + report["rejected"] == 5000
    assert report["rejected"] == frame.filter(pl.col("TX_AMOUNT") <= 0).height
    assert Label.objects.filter(label="fraud").count() == frame["TX_FRAUD"].sum()
    first = Decision.objects.get(position="1")
    assert (first.transaction_id, first.amount) == ("handbook-0", Decimal("57.16"))
    assert first.occurred_at == datetime(2018, 4, 1, 0, 0, 31, tzinfo=UTC)
