"""Endpoints on this machine, messages for them, and a worker that delivers."""

import base64
import hashlib
import hmac
import json
from contextlib import closing
from datetime import datetime, timedelta

from scoring.models import WebhookDelivery, WebhookEndpoint
from scoring.services.webhook_endpoints import create_endpoint
from scoring.services.webhooks import Message, leave_messages
from streams.webhooks.courier import Courier
from tests.factories import NOON, make_decision

SECOND = timedelta(seconds=1)


def make_endpoint(url: str = "https://shop.example/", name: str = "shop") -> WebhookEndpoint:
    return create_endpoint(name=name, url=url, author=None, now=NOON)[0]


def leave(count: int = 1) -> None:
    """Messages about payments, for every endpoint."""
    for _ in range(count):
        decision = make_decision()
        body = json.dumps({"transaction_id": decision.transaction_id}).encode()
        leave_messages([Message(decision.id, body)], now=NOON)


def deliver(at: datetime) -> None:
    """One turn of a worker, and all that comes back from it."""
    with closing(Courier()) as courier:
        courier.turn(now=at)
        courier.finish(now=lambda: at)


def only() -> WebhookDelivery:
    return WebhookDelivery.objects.get()


def is_genuine(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """A receiver of its own, after the specification."""
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    expected = base64.b64encode(hmac.new(base64.b64decode(secret[6:]), signed, hashlib.sha256).digest()).decode()
    given = [one.partition(",")[2] for one in headers["webhook-signature"].split() if one.startswith("v1,")]
    return any(hmac.compare_digest(expected, one) for one in given)
