"""Making a new process ready before it is asked: what the first decision would wait for."""

import logging

from django.utils.timezone import now

from scoring.decisioning import decide
from scoring.features.events import Payment
from scoring.features.live import request_only_vectors
from scoring.services.models import champion
from scoring.services.policy import policy_in_force
from scoring.transaction import decode

logger = logging.getLogger(__name__)
_ANY = b"""{
    "transaction_id": "warm-up", "occurred_at": "2026-01-01T00:00:00Z", "amount": "1", "currency": "EUR",
    "card_id": "card", "merchant_id": "merchant"
}"""


def warm_up() -> None:
    """Run a payment through the engine, to no effect. What is not there yet (database, policy) is left for later."""
    at = now()
    transaction = decode(_ANY, received_at=at)
    vectors = request_only_vectors([Payment(transaction, at)])
    try:
        decide([transaction], vectors, model=champion(), policy=policy_in_force(), listed={}, at=[at])
    except Exception:
        # Whatever it is, calls meet it by themselves; the pages where it can be mended must come up.
        logger.exception("not warmed up")
