"""What somebody works on next: an ordinary case, or now and then one to review blind."""

from datetime import datetime

from django.contrib.auth.models import User

from cases.models import Case, Check, Queue
from cases.services import checks, claims


def hand_out(
    *, analyst: User, now: datetime, draw: float, besides: Case | None = None, queue: Queue | None = None
) -> Case | Check | None:
    """Give the analyst a review (see `checks.take_next`; `draw` is a random number, 0-1), or claim the next case.

    None when no case waits in the queue asked for, or in all they work on.
    """
    check = checks.take_next(analyst=analyst, now=now, draw=draw, queue=queue)
    return check or claims.claim_next(analyst=analyst, now=now, besides=besides, queue=queue)
