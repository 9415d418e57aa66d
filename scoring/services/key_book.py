"""The API keys as each process keeps them, so that letting a call in asks no database."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Case, DateTimeField, Value, When
from django.db.models.functions import Greatest, Now

from scoring.models import ApiKey

logger = logging.getLogger(__name__)

# Every process follows a key that was made, rotated or revoked elsewhere within this time.
RECHECK_SECONDS = 2.0
# A key that is not in the book may have been made elsewhere just now: it is looked for again, and seldom enough that
# calls with invented keys cost the database nothing.
UNKNOWN_SECONDS = 0.25
# Its holder is told for so long that a key has ended; then it is unknown.
REMEMBERED = timedelta(days=30)
# `last_used_at` is written at most this often, by a process for a key.
USE_EVERY = timedelta(minutes=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What a call with a key may do. rate_limit: calls a second, None for the default."""

    id: int
    name: str
    scopes: frozenset[str]
    expires_at: datetime | None
    rate_limit: int | None
    user_id: int | None


def digest(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


class KeyBook:
    """All keys by their hash, as of at most RECHECK_SECONDS ago, and who used them. Safe to share among threads.

    `clock`: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, tuple[KeyFacts, ApiKey]] = {}
        self._checked = float("-inf")
        # Another one for each change: what a reading that began before it found is not believed for long.
        self._change = object()
        self._read_change: object = None
        self._is_current = False
        self._used: dict[int, datetime] = {}
        self._written: dict[int, datetime] = {}

    def is_stale(self, key: str = "") -> bool:
        """Whether to `refresh` before `find`: with the key of a call, sooner if that is unknown.

        Not while somebody else reads a book that is only old.
        """
        return self.must_wait(key) or (self._is_older(RECHECK_SECONDS) and not self._lock.locked())

    def is_current(self) -> bool:
        """Whether the last reading succeeded: only then is a key that is not here none of ours."""
        return self._is_current

    def forget(self) -> None:
        """Have the keys read again before the next call is let in."""
        self._change = object()

    def refresh(self, key: str = "", *, at: datetime | None = None) -> None:
        """Read the keys again and write who used them; the only one here that asks the database.

        While that does not answer the last known keys stay, and it is asked again RECHECK_SECONDS later. The key of
        the call that waits for this is used `at` now: its use is written at once.
        """
        if not self._lock.acquire(blocking=self.must_wait(key)):
            return
        try:
            if self.must_wait(key) or self._is_older(RECHECK_SECONDS):
                self._follow(key, at)
        finally:
            self._lock.release()

    def find(self, key: str, *, at: datetime) -> KeyFacts | None:
        """The facts of a key that lets calls in at a time. Notes the use; asks no database."""
        facts, row = self._keys.get(digest(key), (None, None))
        if facts is None or row is None or row.why_ended(at):
            return None
        self._used[facts.id] = max(at, self._used.get(facts.id, _NEVER))
        return facts

    def why_not(self, key: str, *, at: datetime) -> str:
        """Why a key that was not found lets nobody in, as a sentence."""
        _, row = self._keys.get(digest(key), (None, None))
        return f"This API key {(row and row.why_ended(at)) or 'does not exist'}."

    def must_wait(self, key: str) -> bool:
        """Whether the book as it is may be wrong about this key."""
        if self._read_change is not self._change:
            return True
        is_unknown = bool(key) and digest(key) not in self._keys
        return is_unknown and self._is_current and self._is_older(UNKNOWN_SECONDS)

    def _is_older(self, seconds: float) -> bool:
        return self._clock() - self._checked > seconds

    def _follow(self, key: str, at: datetime | None) -> None:
        # As it was before the keys are read: one that changes meanwhile is read once more.
        change = self._change
        try:
            with transaction.atomic():
                self._keys = _read_keys()
            self._is_current = True
            if key and at is not None:
                self.find(key, at=at)
            self._write_uses()
        except (OperationalError, InterfaceError) as error:
            if self._is_current:
                logger.warning("the API keys cannot be read again, the last known stay: %s", error)
            self._is_current = False
        # Only now: who asks while the keys are read must wait for them.
        self._read_change = change
        self._checked = self._clock()

    def _write_uses(self) -> None:
        due = {
            key_id: at for key_id, at in list(self._used.items()) if at - self._written.get(key_id, _NEVER) >= USE_EVERY
        }
        if not due:
            return
        used = Case(*(When(id=key_id, then=Value(at)) for key_id, at in due.items()), output_field=DateTimeField())
        with transaction.atomic():
            # Another process may have seen a later use.
            ApiKey.objects.filter(id__in=due).update(last_used_at=Greatest("last_used_at", used))
        self._written |= due


def _read_keys() -> dict[str, tuple[KeyFacts, ApiKey]]:
    since = Now() - REMEMBERED
    rows = ApiKey.objects.select_related("user").exclude(revoked_at__lt=since).exclude(expires_at__lt=since)
    return {row.sha256: (_facts_of(row), row) for row in rows}


def _facts_of(row: ApiKey) -> KeyFacts:
    return KeyFacts(row.id, row.name, frozenset(row.scopes), row.expires_at, row.rate_limit, row.user_id)


_book = KeyBook()
is_stale = _book.is_stale
is_current = _book.is_current
refresh = _book.refresh
find = _book.find
must_wait = _book.must_wait
why_not = _book.why_not
forget = _book.forget
