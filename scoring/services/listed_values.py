"""Everything that lists ever named, in 8 bytes each: for runs over history, most of which no list concerns."""

import socket
from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from itertools import chain

import numpy as np
from django.db import connection

from scoring.queries_lists import known_shapes

_NAMED = "COPY (SELECT entity, value FROM scoring_listchange) TO STDOUT"


class ListedValues:
    """Of the time it is made at. A million entries take a second to read and 8 MB to keep."""

    def __init__(self) -> None:
        with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(_NAMED) as copy:
            # Hashes of this process: they are compared with no others.
            self._hashes = np.unique(np.fromiter((_hash_of(bytes(row)) for row in copy), np.int64))
        self._lengths: dict[tuple[str, int], list[int]] = {}
        for entity, family, length in known_shapes():
            self._lengths.setdefault((entity, family), []).append(length)

    def among(self, identities: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those that a list may ever have named, by themselves, a network or a prefix; at times one too many."""
        if not len(self._hashes):
            return []
        keys = [list(self._keys(entity, value)) for entity, value in identities]
        hashes = np.fromiter(chain.from_iterable(keys), np.int64)
        places = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        owners = np.repeat(np.arange(len(keys)), [len(one) for one in keys])
        return [identities[number] for number in np.unique(owners[self._hashes[places] == hashes]).tolist()]

    def _keys(self, entity: str, value: str) -> Iterator[int]:
        yield hash(_row(entity, value))
        if entity == "card":
            for length in self._lengths.get(("card_prefix", 0), ()):
                yield hash(_row("card_prefix", value[:length]))
        elif entity == "ip":
            # The part of a network that is not 0 stands for it: writing it as text would take ten times as long.
            version, bits = (6, 128) if ":" in value else (4, 32)
            address = int.from_bytes(socket.inet_pton(socket.AF_INET6 if version == 6 else socket.AF_INET, value))
            for length in self._lengths.get(("ip", version), ()):
                yield hash((version, length, address >> (bits - length)))


def _row(entity: str, value: str) -> bytes:
    """As COPY writes it."""
    escaped = value.replace("\\", "\\\\")
    return f"{entity}\t{escaped}\n".encode()


def _hash_of(row: bytes) -> int:
    if row.startswith(b"ip\t") and b"/" in row:
        network = ip_network(row[3:-1].decode())
        start = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
        return hash((network.version, network.prefixlen, start))
    return hash(row)
