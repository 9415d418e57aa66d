"""Which messages are due, who sends them, and what became of each attempt.

A message is claimed by a lease in its row, in a transaction of its own: none is open while the network is waited for. A
sender that dies lets its lease run out, and somebody sends the message again; receivers tell by its id.
"""

import logging
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from scoring.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookSecret
from scoring.services.sealing import UnreadableSecretError, unseal
from scoring.services.webhook_endpoints import disable_endpoint
from streams.webhooks.posting import Answer

logger = logging.getLogger(__name__)

# An attempt takes 13 s at most, and a slow name server's time: whoever has not said a word for so long is dead.
LEASE = timedelta(seconds=60)
# Of one endpoint at a time, over all workers: a slow one holds up itself.
PER_ENDPOINT = 4
# After the first attempt, the second ... and after each further one; the last one is made when the time is over.
DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600, 7200))
# What failed together is not tried again together.
JITTER = 0.2
GONE = 410
_ANSWER_LETTERS = 500
_chance = secrets.SystemRandom()


@dataclass(frozen=True)
class Claimed:
    """A message that is ours to send until its lease ends."""

    delivery_id: int
    endpoint_id: int
    url: str
    message_id: str
    body: bytes
    attempts: int
    give_up_at: datetime
    leased_until: datetime
    claimed_at: datetime
    # As they were shown; none when SECRET_KEY opens none of them.
    secret_texts: tuple[str, ...] = field(repr=False)


def claim_due(*, now: datetime, room: int) -> list[Claimed]:
    """Claim messages whose time has come, at most `room`, a few of each endpoint. Any number may do so at once."""
    due = WebhookDelivery.objects.filter(_is_free(now), state=WebhookDelivery.State.WAITING, next_attempt_at__lte=now)
    # In no fixed order, so that none is always the last one.
    endpoints = WebhookEndpoint.objects.filter(is_active=True, id__in=due.values("endpoint")).order_by("?")
    claimed: list[Claimed] = []
    for endpoint_id in endpoints.values_list("id", flat=True):
        if len(claimed) < room:
            claimed += _claim_of(endpoint_id, now=now, room=room - len(claimed))
    return claimed


def _is_free(now: datetime) -> Q:
    return Q(leased_until=None) | Q(leased_until__lte=now)


@transaction.atomic
def _claim_of(endpoint_id: int, *, now: datetime, room: int) -> list[Claimed]:
    # One worker at a time, or two would each count the same room. It stands in the way of no verdict: what refers to
    # the row can be written beside this lock.
    free = WebhookEndpoint.objects.select_for_update(no_key=True, skip_locked=True)
    endpoint = free.filter(id=endpoint_id, is_active=True).first()
    if endpoint is None:
        return []
    waiting = WebhookDelivery.objects.filter(endpoint=endpoint, state=WebhookDelivery.State.WAITING)
    most = min(room, PER_ENDPOINT - waiting.filter(leased_until__gt=now).count())
    due = waiting.filter(_is_free(now), next_attempt_at__lte=now).order_by("next_attempt_at", "id")
    rows = list(due.select_for_update(skip_locked=True)[: max(most, 0)])
    leased_until = now + LEASE
    WebhookDelivery.objects.filter(id__in=[row.id for row in rows]).update(leased_until=leased_until)
    texts = _secrets_of(endpoint, now)
    return [
        Claimed(
            delivery_id=row.id,
            endpoint_id=endpoint.id,
            url=endpoint.url,
            message_id=row.message_id,
            body=row.body.encode(),
            attempts=row.attempts,
            give_up_at=row.give_up_at,
            leased_until=leased_until,
            claimed_at=now,
            secret_texts=texts,
        )
        for row in rows
    ]


def _secrets_of(endpoint: WebhookEndpoint, now: datetime) -> tuple[str, ...]:
    """The current one first, then those that end."""
    signing = WebhookSecret.objects.filter(Q(ends_at=None) | Q(ends_at__gt=now), endpoint=endpoint)
    texts = []
    for secret in signing.order_by(F("ends_at").desc(nulls_first=True)):
        try:
            texts.append(unseal(secret.sealed))
        except UnreadableSecretError as error:
            logger.error("secret %s of webhook %s cannot be read: %s", secret, endpoint.id, error)
    return tuple(texts)


@transaction.atomic
def record(claimed: Claimed, answer: Answer, *, now: datetime) -> None:
    """Keep how an attempt went, and when the next one is due, if any. 410 switches the endpoint off."""
    WebhookAttempt.objects.create(
        delivery_id=claimed.delivery_id,
        started_at=claimed.claimed_at,
        duration_ms=answer.duration_ms,
        status=answer.status,
        error=_storable(answer.error),
        answer=_storable(answer.body.decode(errors="replace"))[:_ANSWER_LETTERS],
    )
    if answer.is_delivered:
        _close(claimed, now)
    else:
        _put_off(claimed, answer, now)
    if answer.status == GONE:
        _switch_off(claimed, now)


def _storable(text: str) -> str:
    """PostgreSQL's texts hold no NUL and no half of a character."""
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")


def _close(claimed: Claimed, now: datetime) -> None:
    # Whoever has the lease by now: the receiver has said that it has the message.
    open_still = WebhookDelivery.objects.exclude(state=WebhookDelivery.State.DELIVERED).filter(id=claimed.delivery_id)
    open_still.update(
        state=WebhookDelivery.State.DELIVERED, delivered_at=now, leased_until=None, attempts=F("attempts") + 1
    )


def _put_off(claimed: Claimed, answer: Answer, now: datetime) -> None:
    # Only while the lease is ours: who took it over since decides what is next.
    ours = WebhookDelivery.objects.filter(id=claimed.delivery_id, leased_until=claimed.leased_until)
    if now >= claimed.give_up_at:
        ours.update(state=WebhookDelivery.State.FAILED, leased_until=None, attempts=F("attempts") + 1)
        return
    ours.update(
        next_attempt_at=min(now + max(_delay_after(claimed.attempts), _asked_for(answer)), claimed.give_up_at),
        leased_until=None,
        attempts=F("attempts") + 1,
    )


def _delay_after(attempts: int) -> timedelta:
    return DELAYS[min(attempts, len(DELAYS) - 1)] * _chance.uniform(1 - JITTER, 1 + JITTER)


def _asked_for(answer: Answer) -> timedelta:
    """How long the receiver wants to be left alone, but no longer than we would leave it ourselves."""
    return min(timedelta(seconds=answer.retry_after), DELAYS[-1])


def _switch_off(claimed: Claimed, now: datetime) -> None:
    endpoint = WebhookEndpoint.objects.get(id=claimed.endpoint_id)
    # A URL that was corrected meanwhile has not said so.
    if endpoint.url == claimed.url and disable_endpoint(endpoint, reason=f"It answered 410 Gone at {now:%F %T} UTC"):
        logger.warning("webhook %s answered 410 Gone: switched off", endpoint.id)


def give_up_disabled(*, now: datetime) -> int:
    """End messages whose time is over and whose endpoint is switched off; returns how many."""
    over = WebhookDelivery.objects.filter(
        _is_free(now), state=WebhookDelivery.State.WAITING, endpoint__is_active=False, give_up_at__lte=now
    )
    return over.update(state=WebhookDelivery.State.FAILED, leased_until=None)
