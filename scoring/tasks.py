"""Work the clock asks for."""

import time

from celery import shared_task
from django.utils.timezone import now

from scoring.services import embeddings
from scoring.services.list_expiry import clear_expired

# As often as it is asked for: a record of a year is embedded in many turns, and other work has its own between them.
_EMBEDDING_SECONDS = 3.0


@shared_task(name="scoring.clear_expired_entries")
def clear_expired_entries() -> int:
    """Clear list entries away whose time is over. Safe to run twice."""
    return clear_expired(at=now())


@shared_task(name="scoring.embed_payments")
def embed_payments() -> int:
    """Bring the embeddings up to the ledger and to the champion, for some seconds. Safe to run twice."""
    done, until = 0, time.monotonic() + _EMBEDDING_SECONDS
    while time.monotonic() < until and (step := embeddings.catch_up(at=now())):
        done += step
    return done
