"""Files to import, and what an import left behind; for the tests of imports."""

import csv
import gzip
import io
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import redis
import zstandard
from django.core.management import call_command

from scoring.features.layout import KINDS
from scoring.models import Decision, Label, PendingFeatures
from scoring.services.policy import publish_policy
from scoring.services.store import batch_store
from tests.feature_store import open_empty
from tests.scoring.payments import tampering

START = datetime(2024, 3, 1, 8, 0, tzinfo=UTC)
MAPPINGS = Path(__file__).parents[2] / "docs" / "mappings"
MAPPING = """
[columns]
transaction_id = "id"
occurred_at = "time"
amount = "paid"
card_id = "card"
merchant_id = "shop"
[constants]
currency = "EUR"
[time]
occurred_at = "%Y-%m-%d %H:%M:%S"
timezone = "UTC"
[label]
column = "fraud"
fraud = [1]
legitimate = [0]
source = "chargeback"
delay_days = 1
"""


def publish_any_policy() -> None:
    publish_policy(review_threshold=0.3, decline_threshold=0.8, rules=[], note="tests", published_by=None, based_on=0)


def write_mapping(tmp_path: Path) -> Path:
    path = tmp_path / "mapping.toml"
    path.write_text(MAPPING)
    return path


Row = dict[str, Any]


def make_rows(count: int = 60, *, minutes: int = 90) -> list[Row]:
    """Payments of five cards at three shops, one in eight a fraud."""
    return [
        {
            "id": 1000 + i,
            "time": f"{START + i * timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S}",
            "paid": 10.16 + i % 7,
            "card": i % 5,
            "shop": i % 3,
            "fraud": int(i % 8 == 3),
        }
        for i in range(count)
    ]


def write_csv(path: Path, rows: Sequence[Row]) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return write_bytes(path, text.getvalue().encode())


def write_lines(path: Path, rows: Sequence[Row]) -> Path:
    return write_bytes(path, b"".join(json.dumps(row).encode() + b"\n" for row in rows))


def write_parquet(path: Path, rows: Sequence[Row]) -> Path:
    frame = pl.DataFrame(rows).with_columns(pl.col("time").str.to_datetime(), pl.col("fraud").cast(pl.Int8))
    frame.write_parquet(path)
    return path


def write_bytes(path: Path, plain: bytes) -> Path:
    if path.suffix == ".gz":
        plain = gzip.compress(plain)
    elif path.suffix == ".zst":
        plain = zstandard.compress(plain)
    path.write_bytes(plain)
    return path


def run_import(path: Path, mapping: Path, *arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    rejects = str(path.with_name("rejects.jsonl"))
    call_command(
        "import_transactions", str(path), "--mapping", str(mapping), "--rejects", rejects, "--json", *arguments,
        stdout=out, stderr=io.StringIO(),
    )  # fmt: skip
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


def refusals(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.with_name("rejects.jsonl").read_text().splitlines()]


def vectors() -> list[bytes]:
    return [bytes(vector) for vector in Decision.objects.order_by("id").values_list("features", flat=True)]


def states(valkey: redis.Redis) -> dict[bytes, bytes]:
    kinds = "|".join(KINDS).encode()
    return {
        key: valkey.get(key) for key in valkey.scan_iter("feature:*") if re.match(rb"feature:\d+:(%b):" % kinds, key)
    }


def record() -> list[tuple[Any, ...]]:
    """All that an import writes, without times of its own."""
    payments = Decision.objects.order_by("id").values_list("transaction_id", "record", "features", "source", "position")
    labels = Label.objects.order_by("id").values_list("decision_id", "label", "source", "known_at", "applied_at")
    return [*((*row[:2], bytes(row[2]), *row[3:]) for row in payments), *labels]


def clear(valkey: redis.Redis) -> None:
    """As if nothing had ever been imported."""
    with tampering():
        for model in (Label, Decision, PendingFeatures):
            model.objects.all().delete()
    valkey.flushall()
    open_empty(batch_store())
