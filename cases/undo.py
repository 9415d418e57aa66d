"""The offer to undo what was just said: kept in the session, shown by every page while it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

from cases.models import Verdict

_KEY = "undo"


@dataclass(frozen=True)
class Offer:
    """Verdicts that can be undone: what they were, and until when.

    `waits`: all of them for a second person, none for the time.
    """

    ids: list[int]
    words: str
    until: datetime
    seconds_left: int
    waits: bool


def offer(session: SessionBase, said: Sequence[Verdict], words: str) -> None:
    """Offer to undo these verdicts, all at once; takes the place of an earlier offer."""
    until = max(verdict.said_at for verdict in said) + timedelta(seconds=settings.VERDICT_UNDO_SECONDS)
    session[_KEY] = {
        "ids": [verdict.id for verdict in said],
        "words": words,
        "until": until.isoformat(),
        "waits": all(verdict.needs_approval for verdict in said),
    }


def standing_offer(session: SessionBase, *, now: datetime) -> Offer | None:
    """What can still be undone. Costs no query: the session is read for the login anyway."""
    kept = session.get(_KEY)
    if kept is None or (until := datetime.fromisoformat(kept["until"])) <= now:
        return None
    left = ceil((until - now).total_seconds())
    return Offer(kept["ids"], kept["words"], until, seconds_left=left, waits=kept["waits"])


def withdraw_offer(session: SessionBase) -> None:
    session.pop(_KEY, None)
