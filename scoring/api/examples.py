"""What the published schema shows as examples."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

Json = dict[str, Any]

_ID = "t-2026-11-20-000417"
PAYMENT: Json = {
    "transaction_id": _ID,
    "occurred_at": "2026-11-20T12:00:00Z",
    "amount": "1249.00",
    "currency": "EUR",
    "card_id": "card-7731",
    "merchant_id": "m-nordic",
    "merchant_name": "Nordic Electronics",
    "merchant_country": "SE",
    "card_country": "FR",
    "device_id": "device-1",
    "ip_address": "192.0.2.7",
    "channel": "ecommerce",
    "extra": {"basket": 3},
}
DECISION: Json = {
    "transaction_id": _ID,
    "outcome": "review",
    "score": 0.95,
    "anomaly_score": None,
    "reasons": [
        {"code": "card_count_1h", "words": "7 payments in the last hour; 1 is usual", "contribution": 1.8},
        {"code": "large", "words": "The amount is 1,249.00 EUR"},
    ],
    "rule_hits": ["large"],
    "model_version": "20261120-0600-0123456789",
    "policy_version": 3,
    "decided_at": "2026-11-20T12:00:00.004211Z",
    "latency_ms": 3.1,
    "rule_failures": [],
    "degraded": [],
    "card_id": "card-7731",
}
DETAIL: Json = {
    "rescored": None,
    **DECISION,
    "transaction": PAYMENT,
    "features": {"amount": 1249.0, "card_count_1h": 7.0, "card_km": None},
    "feature_version": "2",
}
LABEL: Json = {
    "transaction_id": _ID,
    "label": "fraud",
    "source": "chargeback",
    "known_at": "2026-11-28T08:00:00Z",
    "asserted_at": "2026-11-26T00:00:00Z",
    "reason": "10.4",
    "note": "",
}
LEDGER: Json = {
    "transaction_id": _ID,
    "as_of": "2026-11-30T09:00:00Z",
    "believed": "fraud",
    "statements": [
        {
            **LABEL,
            "recorded_at": "2026-11-28T08:00:01Z",
            "author": "",
            "api_key": "acquirer",
            "is_believed": True,
            "why": "Believed: nobody says otherwise.",
        }
    ],
}
BATCH: Json = {"transactions": [PAYMENT, {**PAYMENT, "transaction_id": "t-2026-11-20-000418", "currency": "euro"}]}
RESULTS: Json = {
    "results": [
        {"status": 201, "decision": DECISION},
        {
            "status": 422,
            "problem": {
                "type": "about:blank",
                "title": "Unprocessable Entity",
                "status": 422,
                "detail": "This is not a transaction; nothing was stored.",
                "errors": [
                    {"field": "currency", "message": "Expected `str` matching regex '^[A-Z]{3}\\\\Z'"},
                ],
            },
            "is_temporary": False,
        },
    ]
}
CONFLICT = OpenApiExample(
    "Another payment",
    value={
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "This transaction id stands for another payment.",
        "errors": [{"field": "transaction_id", "message": "was decided before with other content"}],
    },
    response_only=True,
    status_codes=["409"],
)


def sent(body: Json) -> OpenApiExample:
    return OpenApiExample("Sent", value=body, request_only=True)


def answered(body: Json, *statuses: int) -> OpenApiExample:
    return OpenApiExample(
        "Answered", value=body, response_only=True, status_codes=[str(status) for status in statuses or (200,)]
    )
