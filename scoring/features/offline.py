"""The feature table over many recorded payments at once: columns in, vectors and states out.

Columns are encoded without a step a row; the values come from the kernel that also serves the live store, over states
that all lie in memory (`docs/decisions/0007-compact-states-one-kernel.md`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring.features.events import REMOTE_CHANNELS, Floats, hash_of, network_of
from scoring.features.layout import (
    ARRIVAL,
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
    layouts,
    program,
)
from scoring.features.windows import apply_events

_INSTANT, _TEXT, _NUMBER = pl.Datetime("us", "UTC"), pl.String(), pl.Float64()
_NAMES: dict[str, pl.DataType] = dict.fromkeys(
    ("card_id", "customer_id", "merchant_id", "device_id", "ip_address"), _TEXT
)
# In the order in which they were applied.
PAYMENTS = pl.Schema(
    {
        "occurred_at": _INSTANT, "received_at": _INSTANT, "amount": _NUMBER, **_NAMES, "merchant_country": _TEXT,
        "card_country": _TEXT, "billing_country": _TEXT, "channel": _TEXT, "latitude": _NUMBER, "longitude": _NUMBER,
        "is_declined": pl.Boolean(),
    }
)  # fmt: skip
# In the order in which they were applied; `after`: how many of the payments were applied before.
LABELS = pl.Schema({"known_at": _INSTANT, "after": pl.Int64(), "amount": _NUMBER, **_NAMES})


@dataclass(frozen=True)
class EntityStates:
    """States of one kind: names (of an ip its network), and rows, uint8 (names, width), as the live store has them.

    Only the count of writes is another one: here it is 0.
    """

    names: list[str]
    rows: NDArray[np.uint8]


@dataclass(frozen=True)
class Replayed:
    """vectors: float32 (payments, features), each as of before its payment. States as of the end."""

    vectors: NDArray[np.float32]
    states: dict[Kind, EntityStates]


def blank_states(names: Mapping[Kind, Sequence[str]]) -> dict[Kind, EntityStates]:
    """States of these entities as they are before anything was applied."""
    return {
        kind: EntityStates(list(names[kind]), np.zeros((len(names[kind]), width), np.uint8))
        for kind, width in zip(KINDS, program().widths, strict=True)
    }


def replay(
    payments: pl.DataFrame, labels: pl.DataFrame | None = None, states: Mapping[Kind, EntityStates] | None = None
) -> Replayed:
    """Apply payments (`PAYMENTS`) and labels (`LABELS`) to states, which stay as they are.

    states: those to go on from, of all kinds; no other entity gets one, and what a vector says of others means nothing.
    None: empty ones of everybody.
    Holds in memory 72 bytes an event, 4 bytes a feature and event, and all states.
    Raises:
        polars.exceptions.PolarsError: a column is missing or of another type.
    """
    events = _in_order(payments, LABELS.to_frame() if labels is None else labels)
    found = [_identities(events, column) for column in _NAMES]
    held = (
        found if states is None else [_among(states[kind].names, one) for kind, one in zip(KINDS, found, strict=True)]
    )
    widths = program().widths
    sizes = [len(names) * width for (names, _), width in zip(held, widths, strict=True)]
    starts = np.cumsum([0, *sizes])
    # The kernel writes to a card at every payment; one that nobody follows has the last row.
    memory = np.zeros(starts[-1] + widths[0], np.uint8)
    if states is not None:
        np.concatenate([states[kind].rows.ravel() for kind in KINDS], out=memory[: starts[-1]])
    members = np.array(
        [
            np.where(rows < 0, -1, (start + rows * width) // 8)
            for (_, rows), start, width in zip(held, starts[:-1], widths, strict=True)
        ],
        np.int64,
    )
    members[0, members[0] < 0] = starts[-1] // 8
    vectors = np.empty((len(events), len(program().features)), np.float32)
    apply_events(
        _numbers(events),
        _hashes(events, found),
        members,
        memory.view(np.float64),
        memory.view(np.int32),
        memory,
        vectors,
    )
    is_payment = ~events["is_label"].to_numpy()
    after = {
        kind: EntityStates(names, memory[start : start + size].reshape(-1, width))
        for kind, (names, _), start, size, width in zip(KINDS, held, starts, sizes, widths, strict=False)
    }
    return Replayed(vectors if is_payment.all() else vectors[is_payment], after)


Identities = tuple[list[str], NDArray[np.int64]]


def _in_order(payments: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """One frame of both, each label before the payment it came before."""
    learning = [
        name if learns else pl.lit(None, pl.String).alias(name)
        for name, learns in zip(_NAMES, program().learns, strict=True)
    ]
    events = [
        payments.select(*PAYMENTS, is_label=pl.lit(value=False), order=2 * pl.int_range(pl.len()) + 1),
        labels.select("known_at", "amount", *learning, is_label=pl.lit(value=True), order=2 * pl.col("after")).rename(
            {"known_at": "occurred_at"}
        ),
    ]
    return pl.concat(events, how="diagonal").sort("order", maintain_order=True) if len(labels) else events[0]


def _identities(events: pl.DataFrame, column: str) -> Identities:
    """The distinct names of a column in order of appearance, and each event's row among them, -1 where it has none."""
    named = events.select(name=pl.col(column).replace("", None))
    if column == "ip_address":
        named = named.select(networks_of(named["name"]))
    distinct = named.drop_nulls().unique(maintain_order=True).with_row_index("row")
    rows = named.join(distinct, on="name", how="left", maintain_order="left")["row"]
    return distinct["name"].to_list(), rows.cast(pl.Int64).fill_null(-1).to_numpy()


def networks_of(addresses: pl.Series) -> pl.Series:
    """The `network_of` each address; asked once for each that is not one by itself."""
    distinct = addresses.unique().drop_nulls()
    long = distinct.filter(distinct.str.contains(":", literal=True))
    return addresses.replace({address: network_of(address) for address in long})


def _among(names: list[str], found: Identities) -> Identities:
    """Some names, and each event's row among them, -1 where it has none of them."""
    row_of = {name: row for row, name in enumerate(names)}
    distinct, rows = found
    # The row -1 finds the last, which stands for none.
    return names, np.array([*(row_of.get(name, -1) for name in distinct), -1], np.int64)[rows]


def _hashes(events: pl.DataFrame, found: list[Identities]) -> NDArray[np.int32]:
    cards, _, merchants, devices, _ = found
    hashes = np.empty((len(HASHED), len(events)), np.uint32)
    for row, (names, rows) in enumerate((merchants, devices, _identities(events, "merchant_country"), cards)):
        # The row -1 finds the last, which stands for none.
        hashes[row] = np.array([*map(hash_of, names), 0], np.uint32)[rows]
    return hashes.view(np.int32)


def _numbers(events: pl.DataFrame) -> Floats:
    home = pl.coalesce("card_country", "billing_country")
    columns = {
        TIME: pl.col("occurred_at").dt.timestamp("us"),
        ARRIVAL: pl.coalesce("received_at", "occurred_at").dt.timestamp("us"),
        VALUE: pl.col("amount"),
        # One coordinate alone is no place.
        EVENT_LATITUDE: pl.when(pl.col("longitude").is_not_null()).then("latitude"),
        EVENT_LONGITUDE: pl.col("longitude"),
        IS_REMOTE: pl.col("channel").is_in(sorted(REMOTE_CHANNELS)).fill_null(value=False),
        IS_CROSS_BORDER: (pl.col("merchant_country") != home).fill_null(value=False),
        IS_DECLINED: pl.col("is_declined").fill_null(value=False),
        IS_LABEL: pl.col("is_label"),
    }
    numbers = np.empty((NUMBERS, len(events)))
    for row, column in columns.items():
        numbers[row] = events.select(column.cast(pl.Float64).fill_null(np.nan)).to_series().to_numpy()
    # Here, not above: polars multiplies by the inverse, which now and then is the neighbouring number.
    numbers[[TIME, ARRIVAL]] /= 1e6
    return numbers


_COUNT_BYTES = 8


def compare_states(live: bytes, offline: bytes, kind: Kind) -> list[str]:
    """Names of the parts in which two states differ: whole numbers exactly, others by more than a millionth.

    How often a state was stored is no part of it, nor in which order it remembers what it saw.
    """
    if len(live) != len(offline):
        return ["width"]
    # Nearly all are the same to the byte after the count of writes.
    if live[_COUNT_BYTES:] == offline[_COUNT_BYTES:]:
        return []
    ours, theirs = _parts(live, kind), _parts(offline, kind)
    return [name for name in ours if not _are_equal(ours[name], theirs[name])]


def _parts(state: bytes, kind: Kind) -> dict[str, "NDArray[np.generic]"]:
    parts = {
        name: np.frombuffer(state, part.dtype, part.cells, part.start * part.dtype.itemsize)
        for name, part in layouts()[kind].parts.items()
        if name != "writes"
    }
    for name in [name for name in parts if name.endswith("_hash")]:
        times = name.removesuffix("_hash") + "_at"
        order = np.lexsort((parts[name], parts[times]))
        parts[name], parts[times] = parts[name][order], parts[times][order]
    return parts


def _are_equal(one: "NDArray[np.generic]", other: "NDArray[np.generic]") -> bool:
    if one.dtype == np.float64:
        return bool(np.allclose(one, other, rtol=1e-6, atol=1e-9))
    return bool(np.array_equal(one, other))
