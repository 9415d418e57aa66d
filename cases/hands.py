"""By whose hand a person acts: their own, or an API key that acts for them."""

from typing import Any

from django.contrib.auth.models import User


def act_by_key(user: User, key_id: int) -> User:
    """The user, as whom a program now acts by the key: what is recorded as theirs names it."""
    hand: Any = user
    hand.acts_by_key_id = key_id
    return user


def key_id_of(user: User | None) -> int | None:
    """The key this user acts by; None for who acts themselves."""
    return getattr(user, "acts_by_key_id", None)
