"""What the published schema shows as examples."""

from typing import Any

from scoring.api.explanation import EXAMPLE

Json = dict[str, Any]

_CASE_ID = "7c1f3a52-6d0e-4a53-9a0f-0f7a5b1f2c11"
_ALICE = {"username": "alice", "name": "Alice"}

BODIES: dict[str, Json] = {
    "claim_case": {"renew": True},
    "next_case": {"queue": "large-amounts"},
    "skip_case": {"reason": "The shop answers in Polish only."},
    "escalate_case": {"reason": "Six cards, one device: a ring."},
    "move_case": {"queue": "large-amounts"},
    "snooze_case": {"until": "2026-11-20T14:30:00Z", "reason": "The bank calls back.", "seen_alerts": 3},
    "note_case": {"note": "The cardholder knows nothing of it."},
    "tag_case": {"add": ["ring-7"], "remove": ["mule"]},
    "reopen_case": {"reason": "A chargeback says otherwise."},
    "approve_verdict": {"verdict_id": 412},
    "refuse_verdict": {"verdict_id": 412, "reason": "Ask the bank first.", "hands_back": True},
    "decide_case": {
        "verdict": "fraud",
        "typology": "stolen_card",
        "note": "The cardholder was at home, says the bank.",
        "overrides": {"t-2026-11-20-000398": "legitimate"},
        "include_recent": True,
        "block_days": 30,
        "seen_alerts": 3,
    },
}
CASE: Json = {
    "id": _CASE_ID,
    "url": f"/api/v1/cases/{_CASE_ID}/",
    "page": f"/cases/{_CASE_ID}/",
    "status": "open",
    "card_id": "card-7731",
    "queue": {"slug": "general", "title": "General"},
    "opened_at": "2026-11-20T12:00:00Z",
    "due_at": "2026-11-20T13:00:00Z",
    "seconds_left": 2405,
    "claim": {**_ALICE, "until": "2026-11-20T12:25:00Z"},
    "snoozed_until": None,
    "alert_count": 3,
    "amount": "1249.00",
    "currency": "EUR",
    "is_score_hidden": False,
    "stake": "1186.55",
    "score": 0.95,
    "is_audit": False,
    "top_reason": "7 payments in the last hour; 1 is usual",
    "merchant_id": "m-nordic",
    "merchant_name": "Nordic Electronics",
    "customer_id": "c-1204",
    "device_id": "device-1",
    "channel": "ecommerce",
    "country": "SE",
    "tags": ["mule"],
    "verdict": "",
    "typology": "",
    "decided_by": None,
    "decided_at": None,
}
CASE_PAGE: Json = {"cases": [CASE], "next": "/api/v1/cases/?limit=1&cursor=gAAAAABpIx"}
NOTE: Json = {
    "at": "2026-11-20T12:21:07Z", "by": _ALICE, "by_key": "desk-bot", "kind": "note",
    "text": BODIES["note_case"]["note"],
}  # fmt: skip
VERDICT: Json = {
    "id": 412,
    "verdict": "fraud",
    "typology": "stolen_card",
    "why_wrong": "",
    "note": "The cardholder was at home, says the bank.",
    "said_by": _ALICE,
    "said_at": "2026-11-20T12:22:00Z",
    "state": "waiting",
    "needs_approval": False,
    "settled_at": None,
    "settled_by": None,
    "refusal": "",
    "undo_until": "2026-11-20T12:22:20Z",
    "labels": {"t-2026-11-20-000398": "legitimate", "t-2026-11-20-000417": "fraud"},
    "effects": [
        {"kind": "label", "entity": "", "days": None, "left_at": None, "words": ""},
        {"kind": "block_card", "entity": "card-7731", "days": 30, "left_at": None, "words": ""},
    ],
    "known_as": None,
}
_PAYMENT: Json = {
    "transaction_id": "t-2026-11-20-000417",
    "occurred_at": "2026-11-20T11:58:30Z",
    "amount": "1249.00",
    "currency": "EUR",
    "merchant_id": "m-nordic",
    "merchant_name": "Nordic Electronics",
    "merchant_category": "5732",
    "outcome": "review",
    "label": "",
}
_SHOWN = ("state", "problem", "model_version", "policy_version", "base", "margin", "families", "counterfactuals")
_EXPLANATION: Json = {name: EXAMPLE[name] for name in _SHOWN}
HISTORY: Json = {
    "entries": [
        {"at": "2026-11-20T12:20:00Z", "title": "Claimed", "by": _ALICE, "by_key": "", "text": ""},
        {"at": "2026-11-20T12:00:00Z", "title": "Opened", "by": None, "by_key": "", "text": ""},
    ],
    "looks": [
        {"name": "Alice", "times": 2, "first": "2026-11-20T12:19:50Z", "last": "2026-11-20T12:20:00Z"},
    ],
    "older": "",
}
CASE_DETAIL: Json = {
    **CASE,
    "payments": [
        {
            **_PAYMENT,
            "decision": "/api/v1/decisions/t-2026-11-20-000417/",
            "card_id": "card-7731",
            "customer_id": "c-1204",
            "device_id": "device-1",
            "ip_address": "192.0.2.7",
            "channel": "ecommerce",
            "merchant_country": "SE",
            "card_country": "FR",
            "decided_at": "2026-11-20T11:58:30.004211Z",
            "degraded": [],
            "model_version": "20261120-0600-0123456789",
            "policy_version": 3,
            "label_source": "",
            "score": 0.95,
            "anomaly_score": None,
            "reasons": [
                {"code": "card_count_1h", "words": "7 payments in the last hour; 1 is usual", "contribution": 1.8}
            ],
            "rule_hits": ["large"],
            "explanation": _EXPLANATION,
        }
    ],
    "headline": "t-2026-11-20-000417",
    "facts": [
        {
            "name": "Device",
            "value": "device-1",
            "note": "new for this card",
            "is_new": True,
            "kind": "device",
            "entity": "device-1",
        }
    ],
    "related": [
        {
            "kind": "device",
            "name": "device-1",
            "summary": "1 other card",
            "payments": [
                {
                    "card_id": "card-1120",
                    "amount": "310.00",
                    "currency": "EUR",
                    "occurred_at": "2026-11-19T18:04:00Z",
                    "outcome": "decline",
                    "label": "fraud",
                    "case_id": None,
                    "payments_of_card": 1,
                }
            ],
            "has_more": False,
        }
    ],
    "similar": {
        "fraud_similarity": 0.87,
        "payments": [
            {
                "card_id": "card-2207",
                "amount": "289.00",
                "currency": "EUR",
                "occurred_at": "2026-11-17T21:40:00Z",
                "merchant_id": "m-gifts",
                "merchant_name": "Gift cards",
                "label": "fraud",
                "similarity": 0.9132,
                "alike": ["7 earlier payments by this card in the last hour; 9 in 24 hours"],
                "case_id": None,
            }
        ],
    },
    "notes": [NOTE],
    "files": [],
    "lookers": [{"username": "bob", "name": "Bob"}],
    "last_verdict": None,
    "recent_payments": [{**_PAYMENT, "transaction_id": "t-2026-11-20-000398", "outcome": "approve", "amount": "12.50"}],
    "payments_held": 1,
    "needs_approval": ["legitimate"],
    "lifts_block": False,
    "escalates_to": {"slug": "large-amounts", "title": "Large amounts"},
    "may": {
        "review": True,
        "block": True,
        "approve": False,
        "release_others": False,
        "move": False,
        "snooze_past_due": False,
    },
    "history": HISTORY,
}
CLAIMED: Json = {
    "type": "about:blank",
    "title": "Conflict",
    "status": 409,
    "detail": "Nina works on this case until 12:27:30 UTC. Nothing was changed.",
    "refusal": "claimed",
    "claimed_by": "nina",
    "claimed_until": "2026-11-20T12:27:30+00:00",
}
