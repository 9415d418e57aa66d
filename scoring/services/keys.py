"""API keys: issued once, kept as a hash, rotated, revoked."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from scoring.models import ApiKey
from scoring.services import key_book
from scoring.services.key_book import digest
from scoring.services.key_rights import check_may_act_for

__all__ = ["OVERLAP", "PREFIX_LENGTH", "SCOPES", "KeyEndedError", "digest", "issue_key", "revoke_key", "rotate_key"]

SCOPES = tuple(ApiKey.Scope.values)
PREFIX_LENGTH = 12
# So long a key that was rotated still works: a release of the program that holds it fits in.
OVERLAP = timedelta(days=7)
_END = datetime.max.replace(tzinfo=UTC)


class KeyEndedError(Exception):
    """The key cannot be rotated; nothing changed. Says why."""


@transaction.atomic
def issue_key(  # noqa: PLR0913 - each is a property of the key
    *,
    name: str,
    scopes: Sequence[str],
    key: str = "",
    user: User | None = None,
    expires_at: datetime | None = None,
    rate_limit: int | None = None,
    created_by: User | None = None,
    rotated_from: ApiKey | None = None,
) -> str:
    """Make a key and return it: the only time it can be seen. A given `key` is taken instead of a random one.

    user: whom it acts for in the console. rate_limit: calls a second, None for API_RATE_LIMIT.

    Raises:
        ValueError: a scope that does not exist, `cases` without a user, or a limit below 1.
        MayNotActForError: `created_by` may hand out no key that acts for `user`.
    """
    unknown = set(scopes) - set(SCOPES)
    if unknown:
        raise ValueError(f"There is no scope {', '.join(sorted(unknown))}; there are {', '.join(SCOPES)}.")
    if ApiKey.Scope.CASES in scopes and user is None:
        raise ValueError("A key with the scope cases acts for a person: name a user.")
    if rate_limit is not None and rate_limit < 1:
        raise ValueError("A rate limit is at least 1 call a second.")
    check_may_act_for(user, giver=created_by)
    key = key or f"fk_{secrets.token_urlsafe(32)}"
    ApiKey.objects.create(
        name=name,
        prefix=key[:PREFIX_LENGTH],
        sha256=digest(key),
        scopes=[scope for scope in SCOPES if scope in scopes],
        user=user,
        expires_at=expires_at,
        rate_limit=rate_limit,
        created_by=created_by,
        rotated_from=rotated_from,
    )
    _tell()
    return key


@transaction.atomic
def rotate_key(key: ApiKey, *, overlap: timedelta = OVERLAP, at: datetime, by: User | None) -> str:
    """Make the key that takes the place of one, with the same rights and as long a life, and return it.

    The old one works for `overlap` more, and no longer than it would have; not at all with an overlap of 0.

    Raises:
        ValueError: an overlap below 0.
        KeyEndedError: it is revoked, has expired or was rotated already.
        MayNotActForError: `by` may hand out no key that acts for its user.
    """
    if overlap < timedelta(0):
        raise ValueError("The overlap cannot be below 0.")
    # Of two rotations at once the second waits, then sees the key of the first.
    old = ApiKey.objects.select_for_update(of=["self"], no_key=True).select_related("user").get(id=key.id)
    if ended := old.why_ended(at):
        raise KeyEndedError(f"The key {old} {ended}: issue a new one.")
    if successor := ApiKey.objects.filter(rotated_from=old).first():
        raise KeyEndedError(f"The key {old} was rotated already: rotate {successor}.")
    new = issue_key(
        name=old.name,
        scopes=old.scopes,
        user=old.user,
        expires_at=None if old.expires_at is None else at + min(old.expires_at - old.created_at, _END - at),
        rate_limit=old.rate_limit,
        created_by=by,
        rotated_from=old,
    )
    old.expires_at = at + overlap if old.expires_at is None else min(old.expires_at, at + overlap)
    old.save(update_fields=["expires_at"])
    return new


@transaction.atomic
def revoke_key(key: ApiKey, *, at: datetime, by: User | None = None) -> bool:
    """End a key at once. False where it was revoked before, which stands."""
    is_first = ApiKey.objects.filter(id=key.id, revoked_at=None).update(revoked_at=at, revoked_by=by) == 1
    _tell()
    return is_first


def _tell() -> None:
    """Have this process see the change at once; the others follow within seconds."""
    # Now for who calls within this transaction, and again for what is read before it is committed.
    key_book.forget()
    transaction.on_commit(key_book.forget)
