"""Payments and labels as arrays for the kernel, and the states they touch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from ipaddress import IPv6Address
from math import nan
from operator import attrgetter
from typing import Any, cast
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import INDEX, VERSION
from scoring.features.layout import (
    ARRIVAL,
    C_DECLINE_STREAK,
    EVENT_LATITUDE,
    EVENT_LONGITUDE,
    HASHED,
    IS_CROSS_BORDER,
    IS_DECLINED,
    IS_LABEL,
    IS_REMOTE,
    KINDS,
    NUMBERS,
    TIME,
    VALUE,
    Kind,
    program,
)
from scoring.features.windows import apply_events, learn_declines
from scoring.transaction import Transaction

REMOTE_CHANNELS = frozenset(("ecommerce", "moto", "transfer"))

Floats = NDArray[np.float64]


class FraudKnown(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """It became known at `known_at` that a payment of `amount` with these identities was fraud."""

    card_id: str
    merchant_id: str
    customer_id: str | None = None
    device_id: str | None = None
    ip_address: str | None = None
    amount: Decimal
    known_at: datetime


class Payment(msgspec.Struct, frozen=True, gc=False):
    """A transaction, when it reached us, and whether we declined it: what one vector is computed from."""

    transaction: Transaction
    received_at: datetime
    is_declined: bool = False


Event = Payment | FraudKnown


@dataclass
class EventBatch:
    """Events in the order to apply, and the states they touch, as they lie one after the other in memory.

    numbers, hashes, members: as `windows.apply_events` takes them. starts: bytes from the beginning to each state, then
    the size of all; cards come first. blanks: each state as it is before anything was applied.
    """

    numbers: Floats
    hashes: NDArray[np.int32]
    members: NDArray[np.int64]
    keys: list[str]
    blanks: list[bytes]
    starts: list[int]
    cards: int


_FIELDS = attrgetter(
    "occurred_at", "amount", "latitude", "longitude", "channel", "merchant_country", "card_country", "billing_country",
    "card_id", "customer_id", "merchant_id", "device_id", "ip_address",
)  # fmt: skip


def encode_events(events: Sequence[Event]) -> EventBatch:
    """The arrays of a batch, column by column: what is asked once a batch or once a name is not asked of each event."""
    rows = [_FIELDS(event.transaction) if isinstance(event, Payment) else _label_fields(event) for event in events]
    columns = list(zip(*rows, strict=True)) or [()] * 13
    found = [_Identities(column) for column in (*columns[8:12], _networks(columns[12]))]
    members = np.empty((len(KINDS), len(events)), np.int64)
    starts: list[int] = []
    size = 0
    for kind, (one, width) in enumerate(zip(found, program().widths, strict=True)):
        members[kind] = np.where(one.rows < 0, -1, (size + one.rows * width) // 8)
        end = size + len(one.names) * width
        starts += range(size, end, width)
        size = end
    return EventBatch(
        numbers=_numbers(events, columns),
        hashes=_hashes(found, columns[5]),
        members=members,
        keys=[f"{prefix}{name}" for prefix, one in zip(_PREFIXES, found, strict=True) for name in one.names],
        blanks=[blank for blank, one in zip(_blanks(), found, strict=True) for _ in one.names],
        starts=[*starts, size],
        cards=len(found[0].names),
    )


class _Identities:
    """The distinct names of a column, and each event's row among them, -1 where it has none."""

    def __init__(self, column: Sequence[str | None]) -> None:
        names = dict.fromkeys(column)
        names.pop(None, None)
        names.pop("", None)
        self.names = cast(list[str], list(names))
        row_of: dict[str | None, int] = dict(zip(names, range(len(names)), strict=True))
        row_of[None] = row_of[""] = -1
        self.rows = np.array([row_of[name] for name in column], np.int64)

    def hashes(self) -> NDArray[np.uint32]:
        # The row -1 finds the last, which stands for none.
        return np.array([*map(hash_of, self.names), 0], np.uint32)[self.rows]


def hash_of(name: str) -> int:
    """32 bits are enough to tell a few dozen values apart; 0 stands for none."""
    return crc32(name.encode()) or 1


_country_hash = lru_cache(maxsize=1024)(hash_of)


def _hashes(found: Sequence[_Identities], countries: Sequence[str | None]) -> NDArray[np.int32]:
    cards, _, merchants, devices, _ = found
    hashes = np.empty((len(HASHED), len(countries)), np.uint32)
    hashes[0], hashes[1], hashes[3] = merchants.hashes(), devices.hashes(), cards.hashes()
    hashes[2] = [0 if country is None else _country_hash(country) for country in countries]
    return hashes.view(np.int32)


def _label_fields(label: FraudKnown) -> tuple[Any, ...]:
    names = (label.card_id, label.customer_id, label.merchant_id, label.device_id, label.ip_address)
    # What learns nothing from a label is not read for it.
    learning = [name if learns else None for name, learns in zip(names, program().learns, strict=True)]
    return label.known_at, label.amount, None, None, None, None, None, None, *learning


def _numbers(events: Sequence[Event], columns: Sequence[Sequence[Any]]) -> Floats:
    numbers = np.empty((NUMBERS, len(events)))
    times, amounts, latitudes, longitudes, channels, merchants, cards, billing = columns[:8]
    numbers[TIME] = [time.timestamp() for time in times]
    numbers[ARRIVAL] = _arrivals(events)
    numbers[VALUE] = [float(amount) for amount in amounts]
    numbers[EVENT_LATITUDE] = np.array(latitudes, np.float64)  # of None it makes NaN
    numbers[EVENT_LONGITUDE] = np.array(longitudes, np.float64)
    numbers[EVENT_LATITUDE, np.isnan(numbers[EVENT_LONGITUDE])] = nan
    numbers[IS_REMOTE] = [channel in REMOTE_CHANNELS for channel in channels]
    numbers[IS_CROSS_BORDER] = [
        shop is not None and (card or home) is not None and shop != (card or home)
        for shop, card, home in zip(merchants, cards, billing, strict=True)
    ]
    numbers[IS_DECLINED] = [isinstance(event, Payment) and event.is_declined for event in events]
    numbers[IS_LABEL] = [isinstance(event, FraudKnown) for event in events]
    return numbers


def _arrivals(events: Sequence[Event]) -> Floats | list[float] | float:
    times = [event.received_at if isinstance(event, Payment) else event.known_at for event in events]
    # Mostly the whole batch reached us in one read.
    if times and times.count(times[0]) == len(times):
        return times[0].timestamp()
    return [time.timestamp() for time in times]


def _networks(addresses: Sequence[str | None]) -> Sequence[str | None]:
    return [address if address is None or ":" not in address else network_of(address) for address in addresses]


@lru_cache(maxsize=65536)
def network_of(address: str) -> str:
    """An IPv4 address as it is; of an IPv6 one its /64 network, in which a line has as many addresses as it likes."""
    if ":" not in address:
        return address
    whole = IPv6Address(address)
    return str(whole.ipv4_mapped or f"{IPv6Address(int(whole) >> 64 << 64)}/64")


_PREFIXES = tuple(f"feature:{VERSION}:{kind}:" for kind in KINDS)


def state_key(kind: Kind, name: str) -> str:
    """Key of an entity's state; of an ip the name is its `network_of`."""
    return _PREFIXES[KINDS.index(kind)] + name


@cache
def _blanks() -> tuple[bytes, ...]:
    return tuple(bytes(width) for width in program().widths)


def run(batch: EventBatch, memory: bytearray) -> NDArray[np.float32]:
    """Apply a batch to its states in place; the vectors, float32 (n, features), NaN rows for labels."""
    vectors = np.empty((batch.numbers.shape[1], len(program().features)), np.float32)
    apply_events(batch.numbers, batch.hashes, batch.members, *views(memory), vectors)
    return vectors


def views(memory: bytearray) -> tuple[Floats, NDArray[np.int32], NDArray[np.uint8]]:
    """One memory as the kernel's cells of each size."""
    return np.frombuffer(memory, np.float64), np.frombuffer(memory, np.int32), np.frombuffer(memory, np.uint8)


_STREAK_COLUMN = INDEX["card_decline_streak"]


def streaks_of(batch: EventBatch, memory: bytearray) -> NDArray[np.int32]:
    """Declines in a row of each card of a batch, as they stand in memory. int32 (cards,)."""
    width = program().widths[0]
    rows = np.frombuffer(memory, np.int32)[: batch.cards * width // 4].reshape(batch.cards, width // 4)
    return rows[:, program().card[C_DECLINE_STREAK]].copy()


def learn_outcomes(
    batch: EventBatch,
    memory: bytearray,
    streaks: NDArray[np.int32],
    declined: NDArray[np.bool_],
    vectors: NDArray[np.float32],
) -> NDArray[np.int64]:
    """Take `declined` (n,) as the outcomes of a batch that was run; the events whose vector changed.

    streaks: `streaks_of` before it was run. Changes the column of declines in `vectors`, and the states.
    """
    batch.numbers[IS_DECLINED] = declined
    changed = learn_declines(
        np.frombuffer(memory, np.int32), batch.members, batch.numbers, streaks, program().widths[0] // 8,
        program().card[C_DECLINE_STREAK], _STREAK_COLUMN, vectors,
    )  # fmt: skip
    return np.flatnonzero(changed)
