"""Checks of settings that a line of `settings` cannot hold; a bad value stops the start and is named."""

import ssl
from collections.abc import Sequence
from ipaddress import ip_network

from environs import ValidationError


def each_is_a_network(texts: Sequence[str]) -> None:
    """Raises: ValidationError."""
    for text in texts:
        try:
            ip_network(text.strip())
        except ValueError as error:
            raise ValidationError(f"{error}; write networks such as 10.1.0.0/16, commas between") from error


def holds_certificates(path: str) -> None:
    """A file of certificates, or no path at all. Raises: ValidationError."""
    if not path:
        return
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise ValidationError(f"{path} cannot be read as certificates in PEM: {error}") from error
