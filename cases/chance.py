"""Draws that follow from a secret and what is drawn for: fair, unforeseeable, and the same when made again. Pure."""

from hashlib import sha256


def fraction(salt: str, *parts: object) -> float:
    """Return a number from 0 up to, not including, 1; equally often everywhere."""
    text = ":".join([salt, *map(str, parts)])
    # A float holds 53 bits exactly.
    return (int.from_bytes(sha256(text.encode()).digest()[:8]) >> 11) / 2**53
