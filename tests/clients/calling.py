"""Payments and answers for the clients' tests."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from fraudapp_client import Transaction

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_number = count(1)
DECIDED = {
    "transaction_id": "c-1",
    "outcome": "review",
    "score": 0.91,
    "anomaly_score": None,
    "reasons": [
        {"code": "card_count_1h", "words": "7 payments in the last hour; 1 is usual", "contribution": 1.8},
        {"code": "large", "words": "The amount is 2,000.00 EUR"},
    ],
    "rule_hits": ["large"],
    "model_version": "m-3",
    "policy_version": 4,
    "decided_at": "2026-11-20T12:00:00.25Z",
    "latency_ms": 3.25,
    "degraded": [],
    "card_id": "card-1",
    "case_id": None,
}
ALICE = {"username": "alice", "name": "Alice A."}
CASE = {
    "id": "7d9f2c1e-0000-4000-8000-000000000001",
    "status": "open",
    "card_id": "card-1",
    "queue": {"slug": "general", "title": "General"},
    "opened_at": "2026-11-20T12:00:00Z",
    "due_at": "2026-11-20T13:00:00Z",
    "seconds_left": 3600,
    "claim": {**ALICE, "until": "2026-11-20T12:05:00Z"},
    "snoozed_until": None,
    "alert_count": 2,
    "amount": "1249.00",
    "currency": "EUR",
    "is_score_hidden": False,
    "stake": "1186.55",
    "score": 0.95,
    "top_reason": "7 payments in the last hour; 1 is usual",
    "merchant_id": "m-1",
    "tags": ["ring-7"],
    "verdict": "",
    "typology": "",
    "decided_by": None,
    "decided_at": None,
}
SAID = {
    "id": 17,
    "verdict": "fraud",
    "note": "n",
    "said_by": ALICE,
    "said_at": "2026-11-20T12:00:00Z",
    "state": "waiting",
    "needs_approval": False,
    "undo_until": "2026-11-20T12:00:20Z",
    "labels": {"c-1": "legitimate", "c-2": "none"},
    "effects": [],
}


def payment(**overrides: Any) -> Transaction:
    values: dict[str, Any] = {
        "transaction_id": f"c-{next(_number)}",
        "occurred_at": NOON,
        "amount": Decimal("12.50"),
        "currency": "EUR",
        "card_id": "card-1",
        "merchant_id": "m-1",
    }
    return Transaction(**values | overrides)
