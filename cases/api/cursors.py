"""Where a list goes on, as the text of a `cursor`: nobody can read or make one.

A place in the work order tells what a case weighs, and with it the score that some reviewers are to see only later.
"""

import base64
import hashlib
from functools import lru_cache
from typing import Any

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

from cases.queries.case_list import Listed, Place


class CursorError(Exception):
    """The text is no cursor of this list."""


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    listed: Listed
    place: Place


_decoder = msgspec.msgpack.Decoder(_Kept)


def cursor_of(listed: Listed, place: Place) -> str:
    sealed = _box(settings.SECRET_KEY).encrypt(msgspec.msgpack.encode(_Kept(listed, place)))
    return sealed.rstrip(b"=").decode()


def place_of(cursor: str, listed: Listed) -> Place:
    """Raises: CursorError: it was made by nobody here, or for a list in another order."""
    try:
        sealed = cursor.encode() + b"=" * (-len(cursor) % 4)
        kept = _decoder.decode(_box(settings.SECRET_KEY).decrypt(sealed))
    except (InvalidToken, UnicodeEncodeError, msgspec.DecodeError) as error:
        raise CursorError(cursor[:64]) from error
    if kept.listed != listed:
        raise CursorError(kept.listed)
    return kept.place


@lru_cache(maxsize=4)
def _box(secret: Any) -> Fernet:
    """A key of its own, so that what is sealed here opens nothing else."""
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"cases-cursor:{secret}".encode()).digest()))
