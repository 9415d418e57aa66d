"""A data set and a training of a million recorded decisions, each in a process of its own as in production."""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from django.db import connection
from psycopg import sql

from bench import rig
from scoring.features.definitions import NAMES, VERSION
from scoring.models import ModelVersion

ROWS = 1_000_000
CARDS = 50_000
DAYS = 60
FRAUD_RATE = 0.005
# Before everything else that the bench records.
START = datetime(2020, 1, 1, tzinfo=UTC)
END = START + timedelta(days=DAYS)
_COLUMNS = (
    "transaction_id", "occurred_at", "received_at", "decided_at", "amount", "currency", "card_id", "merchant_id",
    "record", "outcome", "reasons", "latency_ms", "features", "feature_version", "policy_version", "source",
    "customer_id", "device_id", "merchant_name", "merchant_category", "rule_hits", "degraded", "is_late",
    "model_version", "position",
)  # fmt: skip
_LABELS = """
INSERT INTO scoring_label (decision_id, label, source, known_at, note)
SELECT id, 'fraud', 'chargeback', occurred_at + interval '9 days', ''
FROM scoring_decision WHERE position = 'fraud' AND source = 'bench:learning'
"""


def measure(rows: int = ROWS) -> dict[str, Any]:
    """Seconds and largest memory of each, from the start of its process to its end."""
    fill(rows)
    times = [
        "--from",
        f"{START:%Y-%m-%d}",
        "--to",
        f"{END:%Y-%m-%d}",
        "--labels-as-of",
        f"{END + timedelta(30):%Y-%m-%d}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "set")
        written = _run("build_dataset", target, *times, "--maturity-days", "0")
        megabytes = sum(path.stat().st_size for path in Path(target).iterdir()) / 1e6
    trained = _run("train_model", *times, "--maturity-days", "0")
    model = ModelVersion.objects.latest("id")
    return {
        "rows": rows,
        "features": len(NAMES),
        "dataset": {**written, "megabytes": round(megabytes)},
        "training": {**trained, "trees": model.metrics["trees"]},
    }


def fill(rows: int) -> None:
    """Decisions with made-up vectors, of which a large first and a large second value make a fraud likely."""
    chance = np.random.default_rng(1)
    step = timedelta(days=DAYS) / rows
    with connection.cursor() as cursor:
        copy = sql.SQL("COPY scoring_decision ({}) FROM STDIN").format(
            sql.SQL(", ").join(map(sql.Identifier, _COLUMNS))
        )
        with cursor.copy(copy) as out:
            for first in range(0, rows, 20_000):
                vectors = chance.gamma(1.0, 1.0, (min(20_000, rows - first), len(NAMES))).astype(np.float32)
                pull = vectors[:, 0] + vectors[:, 1] + np.log(FRAUD_RATE) - 2.0
                frauds = chance.random(len(vectors)) < 1 / (1 + np.exp(-pull))
                for place, (vector, is_fraud) in enumerate(zip(vectors, frauds, strict=True)):
                    out.write_row(_row(first + place, START + (first + place) * step, vector, bool(is_fraud)))
        cursor.execute(_LABELS)
        cursor.execute("ANALYZE scoring_decision, scoring_label")


def _row(number: int, at: datetime, vector: Any, is_fraud: bool) -> tuple[Any, ...]:
    amount, card = round(1 + float(vector[0]) * 100, 2), f"card-{number * 7919 % CARDS}"
    return (
        f"l-{number}", at, at, at, amount, "EUR", card, "m-1", "{}", "approve", "[]", 1.0, vector.tobytes(), VERSION, 1,
        "bench:learning", "", "", "", "", [], [], False, "", "fraud" if is_fraud else "",
    )  # fmt: skip


def _run(*command: str) -> dict[str, Any]:
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen(
        [sys.executable, str(rig.BASE_DIR / "manage.py"), *command], stdout=subprocess.DEVNULL, env=os.environ
    )
    seen = psutil.Process(process.pid)
    while process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            peak = max(peak, seen.memory_info().rss)
        time.sleep(0.1)
    assert process.returncode == 0, command
    return {"seconds": round(time.perf_counter() - began, 1), "peak_mb": round(peak / 1e6)}
