"""API keys: issued once, kept as a hash, revoked."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User

from scoring.models import ApiKey

SCOPES = ("decide", "label", "read", "cases")
PREFIX_LENGTH = 12


def issue_key(*, name: str, scopes: Sequence[str], key: str = "", user: User | None = None) -> str:
    """Make a key and return it: the only time it can be seen. A given `key` is taken instead of a random one.

    Raises:
        ValueError: a scope that does not exist.
    """
    unknown = set(scopes) - set(SCOPES)
    if unknown:
        raise ValueError(f"There is no scope {', '.join(sorted(unknown))}; there are {', '.join(SCOPES)}.")
    key = key or f"fk_{secrets.token_urlsafe(32)}"
    ApiKey.objects.create(name=name, prefix=key[:PREFIX_LENGTH], sha256=digest(key), scopes=list(scopes), user=user)
    return key


def revoke_key(key: ApiKey, *, at: datetime) -> None:
    """End a key; a second time changes nothing."""
    ApiKey.objects.filter(id=key.id, revoked_at=None).update(revoked_at=at)


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
