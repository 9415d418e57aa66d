"""Signatures of webhooks by HMAC-SHA-256. Pure.

Source: the specification "Standard Webhooks", symmetric signatures.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """A secret as it is shown: `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def message_id_of(body: bytes) -> str:
    """The id of a message, by its content: what says the same of the same verdict and payment is one message."""
    return f"msg_{hashlib.sha256(body).hexdigest()[:32]}"


def signed_headers(*, message_id: str, timestamp: int, body: bytes, secret_texts: Sequence[str]) -> dict[str, str]:
    """The three headers by which a receiver knows that a message is ours and fresh.

    timestamp: seconds since 1970 of this attempt. secret_texts: as they were shown; each gives one signature.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_signature(text, signed) for text in secret_texts),
    }


def _signature(secret_text: str, signed: bytes) -> str:
    key = base64.b64decode(secret_text.removeprefix(PREFIX), validate=True)
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
