"""Messages of webhooks: left for each endpoint with what they tell of, and asked for again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from django.db.models import Q

from scoring.models import WebhookDelivery, WebhookEndpoint
from scoring.webhooks.signing import message_id_of

# Past this a receiver has found out otherwise, or nobody looks after it.
PATIENCE = timedelta(hours=24)
_encoder = msgspec.json.Encoder()


class EndpointDisabledError(Exception):
    """Nothing is sent to an endpoint that is switched off."""


class Message(NamedTuple):
    """What is told of a payment: the id of its decision, and the JSON."""

    decision_id: int
    body: bytes


def leave_messages(messages: Sequence[Message], *, now: datetime) -> None:
    """Leave each message for every active endpoint, in the caller's transaction. A second time changes nothing."""
    endpoint_ids = list(WebhookEndpoint.objects.filter(is_active=True).values_list("id", flat=True))
    WebhookDelivery.objects.bulk_create(
        (
            _delivery(endpoint_id, message.body, decision_id=message.decision_id, now=now)
            for endpoint_id in endpoint_ids
            for message in messages
        ),
        ignore_conflicts=True,
    )


def send_test(endpoint: WebhookEndpoint, *, now: datetime) -> WebhookDelivery:
    """Leave a message for an endpoint that tells of no payment; the worker sends it like any other.

    Raises:
        EndpointDisabledError: the endpoint is switched off.
    """
    if not WebhookEndpoint.objects.filter(id=endpoint.id, is_active=True).exists():
        raise EndpointDisabledError(f"{endpoint} is switched off")
    said = {"test": True, "message": "A test: nothing is to be done.", "endpoint": endpoint.name, "sent_at": now}
    delivery = _delivery(endpoint.id, _encoder.encode(said), decision_id=None, now=now)
    delivery.save()
    return delivery


def _delivery(endpoint_id: int, body: bytes, *, decision_id: int | None, now: datetime) -> WebhookDelivery:
    return WebhookDelivery(
        endpoint_id=endpoint_id,
        message_id=message_id_of(body),
        decision_id=decision_id,
        body=body.decode(),
        next_attempt_at=now,
        give_up_at=now + PATIENCE,
        created_at=now,
    )


def redeliver(delivery: WebhookDelivery, *, now: datetime) -> bool:
    """Have a message sent again with its id, at once and for another 24 hours; False while it is being sent.

    Raises:
        EndpointDisabledError: its endpoint is switched off.
    """
    if not WebhookEndpoint.objects.filter(id=delivery.endpoint_id, is_active=True).exists():
        raise EndpointDisabledError(f"{delivery.endpoint} is switched off")
    idle = WebhookDelivery.objects.filter(Q(leased_until=None) | Q(leased_until__lte=now), id=delivery.id)
    return bool(
        idle.update(
            state=WebhookDelivery.State.WAITING,
            attempts=0,
            next_attempt_at=now,
            give_up_at=now + PATIENCE,
            leased_until=None,
            delivered_at=None,
        )
    )
