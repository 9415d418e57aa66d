"""Secrets that have to be read again, kept so that the database alone does not give them away."""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

# Of this purpose: what else is made from SECRET_KEY has other keys.
_PURPOSE = b"fraudapp: secrets of webhooks, encrypted at rest"
_KEY_BYTES = 32


class UnreadableSecretError(Exception):
    """Neither SECRET_KEY nor one of SECRET_KEY_FALLBACKS opens it."""


def seal(text: str) -> str:
    """Encrypt a secret with the key that follows from SECRET_KEY."""
    return _keys().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Decrypt a secret. Raises: UnreadableSecretError."""
    try:
        return _keys().decrypt(sealed).decode()
    except InvalidToken as error:
        raise UnreadableSecretError("SECRET_KEY is another than when the secret was made.") from error


def seal_again(sealed: str) -> str:
    """Encrypt it with the key of today's SECRET_KEY, whichever it was. Raises: UnreadableSecretError."""
    try:
        return _keys().rotate(sealed.encode()).decode()
    except InvalidToken as error:
        raise UnreadableSecretError("SECRET_KEY is another than when the secret was made.") from error


def _keys() -> MultiFernet:
    return MultiFernet([_key(text) for text in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(text: str) -> Fernet:
    # SECRET_KEY is long and random: it needs no slow function for passwords.
    derived = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_PURPOSE).derive(text.encode())
    return Fernet(urlsafe_b64encode(derived))
