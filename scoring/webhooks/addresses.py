"""Where webhooks may go: https to public addresses, and whatever the operator names beyond that. Pure.

An endpoint's URL is typed by a person and its host is resolved by a name server that is not ours: without these rules
the worker could be sent to the metadata service of a cloud, to PostgreSQL, or to anything else that trusts its network.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

URL_LENGTH = 500
# RFC 3986, section 2: nothing else stands in a URL. A space, a backslash or a letter of another script is read
# differently by different programs.
_URL_LETTERS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")

# Beyond what `is_global` knows, which differs between the versions of Python:
_REFUSED = tuple(
    ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments (RFC 6890); a cloud has its metadata in it
        "192.88.99.0/24",  # relays from IPv6 to IPv4 (RFC 7526)
        "168.63.129.16/32",  # the host agent of Azure's machines, on a public address
        "2001::/23",  # protocol assignments, Teredo among them: an IPv4 address hides in it
        "2002::/16",  # 6to4 (RFC 3056): the same
        "3fff::/20",  # documentation (RFC 9637)
    )
)
# What IANA gives out to hosts; tunnels, mapped addresses and all that is local stand outside.
_UNICAST_V6 = ip_network("2000::/3")
# RFC 6052: how a network with IPv6 alone reaches IPv4.
_NAT64 = ip_network("64:ff9b::/96")


class RefusedUrlError(ValueError):
    """The URL cannot be an endpoint; the words say why and what to write instead."""


def is_allowed(address: Address, allowed: Sequence[Network]) -> bool:
    """Say whether a webhook may be sent there: the operator names its network, or it is public."""
    meant = _meant(address)
    return is_named(meant, allowed) or _is_public(meant)


def is_named(address: Address, allowed: Sequence[Network]) -> bool:
    """Say whether the operator allows this network by name."""
    meant = _meant(address)
    return any(meant in network for network in allowed)


def _meant(address: Address) -> Address:
    """The IPv4 address that a packet for this IPv6 address ends at, or itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and (address.scope_id is not None or address not in _UNICAST_V6):
        return False
    is_special = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    return address.is_global and not is_special and not any(address in network for network in _REFUSED)


def check_url(url: str, allowed: Sequence[Network]) -> None:
    """Check what can be seen of an endpoint's URL before its host is looked up.

    Raises:
        RefusedUrlError: it is no URL that a webhook may be sent to.
    """
    if len(url) > URL_LENGTH:
        raise RefusedUrlError(f"At most {URL_LENGTH} characters.")
    if not _URL_LETTERS.fullmatch(url):
        raise RefusedUrlError(
            "Only letters of ASCII stand in a URL: percent-encode others in the path, write a host as xn--..."
        )
    parts = _split(url)
    _check_scheme(parts, allowed)
    if "@" in parts.netloc:
        raise RefusedUrlError("No user and password: leave out what stands before the @. Messages are signed instead.")
    if "#" in url:
        raise RefusedUrlError("No fragment: leave out the # and what follows; it would not be sent.")
    _check_host(parts.hostname or "", allowed)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError as error:
        raise RefusedUrlError(f"This is not a URL: {error}.") from error
    if not has_port:
        raise RefusedUrlError("There is no port 0.")
    return parts


def _check_scheme(parts: SplitResult, allowed: Sequence[Network]) -> None:
    if parts.scheme == "https" or (parts.scheme == "http" and allowed):
        return
    if parts.scheme == "http":
        raise RefusedUrlError(
            "Write https://. Plain http goes only to networks that the operator names in WEBHOOK_ALLOWED_NETWORKS."
        )
    raise RefusedUrlError("Write a whole URL that begins with https://.")


def _check_host(host: str, allowed: Sequence[Network]) -> None:
    if not host:
        raise RefusedUrlError("The URL has no host.")
    try:
        address = ip_address(host)
    except ValueError:
        return
    if not is_allowed(address, allowed):
        raise RefusedUrlError(
            f"{host} is not a public address. The operator can name its network in WEBHOOK_ALLOWED_NETWORKS."
        )
