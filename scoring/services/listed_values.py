"""Everything that lists ever named, in 8 bytes each: for runs over history, most of which no list concerns."""

import socket
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from ipaddress import ip_network
from itertools import compress
from operator import attrgetter

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from scoring.queries_lists import known_shapes
from scoring.rules.identities import CARRIED_BY
from scoring.transaction import Transaction, canonical_address

_NAMED = "COPY (SELECT entity, value FROM scoring_listchange) TO STDOUT"
_NETWORK = "network"
# As what a list can name what payments carry, where it can in several ways.
_AS = {"card": {"card", "card_prefix"}, "ip": {"ip", _NETWORK}}

Hashes = NDArray[np.int64]


class ListedValues:
    """Of the time it is made at. A million entries take a second to read and 8 MB to keep."""

    def __init__(self) -> None:
        self._lengths: dict[tuple[str, int], list[int]] = {}
        for entity, family, length in known_shapes():
            self._lengths.setdefault((entity, family), []).append(length)
        named: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
        with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(_NAMED) as copy:
            for row in copy:
                kind, hashed = _named(bytes(row).decode())
                named[kind].append(hashed)
        # Hashes of this process: they are compared with no others.
        self._hashes = {kind: np.unique(np.frombuffer(hashes, np.int64)) for kind, hashes in named.items()}

    def among(self, transactions: Sequence[Transaction]) -> dict[tuple[str, str], list[int]]:
        """Entity and value of what payments carry and a list may ever have named -> rows of those that carry it.

        By itself, by a network or a prefix; at times one too many. Values are looked at once, however many carry them.
        """
        rows_of: dict[tuple[str, str], list[int]] = {}
        for entity, fields in CARRIED_BY.items():
            if self._hashes.keys().isdisjoint(_AS.get(entity, {entity})):
                continue
            for values in (list(map(attrgetter(field), transactions)) for field in fields):
                known = self._known(entity, set(values))
                for row, value in enumerate(values) if known else ():
                    if value in known:
                        rows_of.setdefault((entity, known[value]), []).append(row)
        return rows_of

    def _known(self, entity: str, values: Collection[str | None]) -> dict[str | None, str]:
        """Those of the values that lists may have named, each with the way in which lists write it."""
        given = [value for value in values if value]
        written = list(map(canonical_address, given)) if entity == "ip" else given
        is_known = self._is_named(entity, map(hash, written), len(written))
        if entity == "card":
            for length in self._lengths.get(("card_prefix", 0), ()):
                is_known |= self._is_named("card_prefix", (hash(value[:length]) for value in written), len(written))
        elif entity == "ip":
            is_known |= self._is_in_network(written)
        return dict(compress(zip(given, written, strict=True), is_known.tolist()))

    def _is_in_network(self, addresses: Sequence[str]) -> NDArray[np.bool_]:
        is_known = np.zeros(len(addresses), np.bool_)
        for family, version, bits in ((socket.AF_INET, 4, 32), (socket.AF_INET6, 6, 128)):
            rows = [row for row, address in enumerate(addresses) if (":" in address) == (version == 6)]
            numbers = [int.from_bytes(socket.inet_pton(family, addresses[row])) for row in rows]
            for length in self._lengths.get(("ip", version), ()):
                # The part of a network that is not 0 stands for it: writing it as text would take ten times as long.
                hashes = (hash((version, length, number >> (bits - length))) for number in numbers)
                is_known[rows] |= self._is_named(_NETWORK, hashes, len(rows))
        return is_known

    def _is_named(self, kind: str, hashes: Iterator[int], count: int) -> NDArray[np.bool_]:
        named = self._hashes.get(kind)
        if named is None:
            return np.zeros(count, np.bool_)
        asked = np.fromiter(hashes, np.int64, count)
        found: NDArray[np.bool_] = named[np.minimum(np.searchsorted(named, asked), len(named) - 1)] == asked
        return found


def _named(row: str) -> tuple[str, int]:
    """What a line of COPY names: its kind, and the hash by which it is found."""
    entity, _, value = row.removesuffix("\n").partition("\t")
    if entity == "ip" and "/" in value:
        network = ip_network(value)
        start = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
        return _NETWORK, hash((network.version, network.prefixlen, start))
    return entity, hash(value.replace("\\\\", "\\"))
