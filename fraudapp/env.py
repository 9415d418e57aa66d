"""Checks of settings that a line of `settings` cannot hold; a bad value stops the start and is named."""

import ssl
from collections.abc import Mapping, Sequence
from ipaddress import ip_network

from environs import ValidationError


def each_is_a_network(texts: Sequence[str]) -> None:
    """Raises: ValidationError."""
    for text in texts:
        try:
            ip_network(text.strip())
        except ValueError as error:
            raise ValidationError(f"{error}; write networks such as 10.1.0.0/16, commas between") from error


_SOURCES = ("chargeback", "issuer_report", "customer", "analyst")
_LONGEST_DAYS = 365


def settles_in_days(days: Mapping[str, int]) -> None:
    """Raises: ValidationError."""
    for source, wait in days.items():
        if source not in _SOURCES:
            raise ValidationError(f"{source!r} is no source of labels; these are {', '.join(_SOURCES)}")
        if not 0 <= wait <= _LONGEST_DAYS:
            raise ValidationError(f"{source}={wait}: write whole days, 0 to {_LONGEST_DAYS}")


def holds_certificates(path: str) -> None:
    """A file of certificates, or no path at all. Raises: ValidationError."""
    if not path:
        return
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise ValidationError(f"{path} cannot be read as certificates in PEM: {error}") from error
