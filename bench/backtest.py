"""A draft of 30 rules, bands and lists over a million recorded decisions, in a process of its own as in production."""

import os
import random
import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psutil
from django.contrib.auth.models import User
from django.db import connection
from django.utils.timezone import now

from bench import rig
from bench.rules import rules
from scoring.features.definitions import VERSION
from scoring.models import Backtest, Decision, Policy
from scoring.policy_defaults import DECLINE_THRESHOLD, REVIEW_THRESHOLD
from scoring.services.backtests import BacktestRequest, claim_backtest, request_backtest
from scoring.services.lists import add_list_entry
from scoring.services.policy import LIST_EFFECTS, BandDraft, next_version, write_parts

ROWS = 1_000_000
RULES = 30
LISTED = 2_000
DAYS = 30
# Before everything else that the bench records.
_END_DAYS_AGO = 100
_WORDS = ("transaction_id", "occurred_at")
_COLUMNS = [
    str(field.column)
    for field in Decision._meta.concrete_fields
    if field.column not in ("id", "created_at", "record", "received_at", *_WORDS)
]
# Copies of simulated payments, spread over the days; in the order of time, as payments are recorded.
_COPY = f"""
INSERT INTO scoring_decision ({", ".join(_COLUMNS)}, transaction_id, occurred_at, received_at, record)
SELECT {", ".join(f"one.{column}" for column in _COLUMNS)}, name, moment, moment,
  one.record || jsonb_build_object('transaction_id', name, 'occurred_at', to_char(moment, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
FROM (SELECT * FROM scoring_decision WHERE feature_version = %(version)s ORDER BY id LIMIT 40000) AS one
CROSS JOIN generate_series(1, %(copies)s) AS copy (number)
CROSS JOIN LATERAL (
  SELECT 'b-' || copy.number || '-' || one.id, date_trunc('second', %(start)s + (
    (copy.number - 1) + (one.id %% 40000) / 40000.0) / %(copies)s * interval '{DAYS} days') OFFSET 0
) AS made (name, moment)
ORDER BY moment
"""  # noqa: S608 - names of our own columns
_LABELS = """
INSERT INTO scoring_label (decision_id, label, source, known_at, note)
SELECT id, CASE WHEN id %% 3 = 0 THEN 'legitimate' ELSE 'fraud' END, 'chargeback', occurred_at + interval '9 days', ''
FROM scoring_decision WHERE occurred_at < %s AND transaction_id LIKE 'b-%%' AND (outcome <> 'approve' OR id %% 500 = 0)
"""


def measure(rows: int = ROWS) -> dict[str, Any]:
    """Seconds from the start of the process to its end, and its largest memory."""
    end = now() - timedelta(days=_END_DAYS_AGO)
    start = end - timedelta(days=DAYS)
    _fill(rows, start, end)
    backtest = request_backtest(
        BacktestRequest(policy=_draft(), since=start, until=end, labels_as_of=now(), maturity_days=60, capacity=300),
        by=None,
        at=now(),
    )
    claimed = claim_backtest(at=now())
    assert claimed is not None
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, str(rig.BASE_DIR / "manage.py"), "run_backtest", str(backtest.id), str(claimed.attempts)],
        stdin=subprocess.PIPE,
        env=os.environ,
    )
    peak, processor = _watch(process)
    seconds = time.perf_counter() - began
    backtest.refresh_from_db()
    assert backtest.status == Backtest.Status.DONE, backtest.error
    return {
        "rows": backtest.rows,
        "rules": RULES,
        "seconds": round(seconds, 1),
        "rows_per_second": round(backtest.rows / seconds),
        "processor_seconds": round(processor, 1),
        "peak_mb": round(peak / 1e6),
    }


def _watch(process: "subprocess.Popen[bytes]") -> tuple[int, float]:
    """Wait for the process: the most memory that it held, in bytes, and what it took of the processor, in seconds."""
    peak, processor = 0, 0.0
    seen = psutil.Process(process.pid)
    while process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            times = seen.cpu_times()
            peak, processor = max(peak, seen.memory_info().rss), times.user + times.system
        time.sleep(0.1)
    return peak, processor


def _fill(rows: int, start: Any, end: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_COPY, {"version": VERSION, "copies": max(1, rows // 40_000), "start": start})
        cursor.execute(_LABELS, [end])
        cursor.execute("SELECT DISTINCT card_id FROM scoring_decision WHERE transaction_id LIKE 'b-1-%%'")
        cards = sorted(row[0] for row in cursor.fetchall())
        cursor.execute("ANALYZE scoring_decision, scoring_label")
    author = User.objects.create_user("backtest-bench")
    for card in random.Random(1).sample(cards, min(LISTED, len(cards))):
        add_list_entry(list_name="block", entity="card", value=card, reason="bench", expires_at=None, author=author)


def _draft() -> Policy:
    policy = Policy.objects.create(
        version=next_version(),
        review_threshold=REVIEW_THRESHOLD * 0.8,
        decline_threshold=DECLINE_THRESHOLD,
        note="bench",
    )
    bands = [
        BandDraft("EUR", Decimal(100), REVIEW_THRESHOLD, DECLINE_THRESHOLD),
        BandDraft("EUR", Decimal(1000), REVIEW_THRESHOLD / 2, DECLINE_THRESHOLD),
    ]
    write_parts(policy, rules=rules(RULES), bands=bands, lists=LIST_EFFECTS)
    return policy
