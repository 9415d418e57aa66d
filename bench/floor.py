"""The floor of the scoring API: a bare ASGI application that reads a payment, checks it and answers as long a text."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from scoring.transaction import decode

_ANSWER = {
    "transaction_id": "t" * 24, "outcome": "approve", "score": 0.00123456789, "anomaly_score": None, "reasons": [],
    "rule_hits": [], "model_version": "20261122-1728-7423113419", "policy_version": 1,
    "decided_at": "2026-01-01T00:00:00.000000Z", "latency_ms": 5.123, "degraded": [], "card_id": "c" * 16,
}  # fmt: skip
_encoder = msgspec.json.Encoder()
_HEADERS = [(b"content-type", b"application/json")]


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Parse and answer, nothing else."""
    body, is_whole = b"", False
    while not is_whole:
        message = await receive()
        body += message["body"]
        is_whole = not message.get("more_body", False)
    if body:
        decode(body, received_at=datetime.now(UTC))
    answer = _encoder.encode(_ANSWER)
    headers = [*_HEADERS, (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
