"""Live features beside those that the record gives: the same table and kernel, begun from nothing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from django.db import connection
from django.utils.timezone import now
from numpy.typing import NDArray

from scoring.features.definitions import NAMES, VERSION
from scoring.features.events import Event, FraudKnown, network_of, state_key
from scoring.features.layout import KINDS, Kind
from scoring.features.live import STATE_SECONDS, StateStore
from scoring.features.offline import LABELS, PAYMENTS, EntityStates, blank_states, compare_states, networks_of, replay
from scoring.models import Label, PendingFeatures
from scoring.queries import PAYMENT_COLUMNS, columns_of, instant, payments_of
from scoring.services.features import fraud_event
from streams.ledger.log import Span
from streams.ledger.report import Check
from streams.ledger.states import ORDERED_PARTS, OWN_COLUMNS, differing_columns

# What is in memory at once, about 1 KB each.
PAYMENTS_AT_ONCE = 100_000
STATES_AT_ONCE = 2_000
# An entity whose state moves while it is compared is compared again.
ROUNDS = 3
_SILENCE = timedelta(seconds=STATE_SECONDS)
_COLUMNS: dict[Kind, str] = {
    "card": "card_id",
    "customer": "customer_id",
    "merchant": "merchant_id",
    "device": "device_id",
    "ip": "record->>'ip_address'",
}

Sample = dict[str, Kind]


@dataclass(frozen=True)
class Seen:
    """What is known of an entity besides its state."""

    last: datetime
    # Silent for so long that the live state had expired in between.
    is_interrupted: bool
    # Some of its payments came by call: two at once have no order.
    is_unordered: bool


@dataclass
class Again:
    """States of a sample made from the record, and what is known of its entities by then."""

    states: Mapping[Kind, EntityStates]
    # One row an entity, as `_MEETINGS` says.
    met: pl.DataFrame

    def seen(self) -> dict[str, Seen]:
        """By key."""
        return {
            key: Seen(last, silence > _SILENCE, is_called) for key, last, silence, is_called in self.met.iter_rows()
        }


def check_features(check: Check, span: Span, *, sample: int, store: StateStore, tell: Callable[[str], object]) -> None:
    """Compare live states of up to `sample` entities of each kind seen in the span, and stored vectors of the cards.

    Raises:
        FeatureStoreError: the store does not answer, or is being made again.
    """
    keys = {key: kind for kind in KINDS for key in _sampled(kind, span, sample)}
    for number in range(ROUNDS):
        keys = _compare(check, keys, span, store, tell, with_vectors=number == 0)
        check.count("states compared", 0)
        if not keys:
            return
    check.unknown.append(f"{len(keys)} states kept changing while they were compared")


def _sampled(kind: Kind, span: Span, sample: int) -> set[str]:
    column = _COLUMNS[kind]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {column} FROM scoring_decision WHERE {column} <> ''"  # noqa: S608 - names of ours
            f" AND {_IN_SPAN} GROUP BY {column} ORDER BY random() LIMIT %(sample)s",
            {"since": span.since, "until": span.until, "sample": sample},
        )
        return {state_key(kind, network_of(name) if kind == "ip" else name) for (name,) in cursor.fetchall()}


def _compare(
    check: Check, keys: Sample, span: Span, store: StateStore, tell: Callable[[str], object], *, with_vectors: bool
) -> Sample:
    """Compare each state that stood still meanwhile; the others."""
    names = {kind: [key.removeprefix(state_key(kind, "")) for key in keys if keys[key] == kind] for kind in KINDS}
    before = _live(store, keys)
    again = Again(blank_states(names), _MEETINGS.to_frame())
    for payments, vectors in _count_payments(again, _parameters(names, span), tell):
        if with_vectors:
            _compare_vectors(check, payments, vectors, again)
    _count_frauds(again, _parameters(names, span))
    # In this order: what is not unsettled by now is in the states read next.
    unsettled = _unsettled(store)
    after = _live(store, keys)
    moving = {key: kind for key, kind in keys.items() if key in unsettled or before[key] != after[key]}
    seen = again.seen()
    for kind, states in again.states.items():
        for name, made in zip(states.names, states.rows, strict=True):
            if (key := state_key(kind, name)) not in moving:
                _compare_state(check, key, kind, after[key], made.tobytes(), seen.get(key))
    return moving


def _live(store: StateStore, keys: Sample) -> dict[str, bytes | None]:
    names = list(keys)
    states: list[bytes | None] = []
    for start in range(0, len(names), STATES_AT_ONCE):
        states += store.read(names[start : start + STATES_AT_ONCE])[1]
    return dict(zip(names, states, strict=True))


def _compare_state(check: Check, key: str, kind: Kind, live: bytes | None, made: bytes, seen: Seen | None) -> None:
    if seen is None or seen.is_interrupted or (live is None and now() - seen.last > _SILENCE):
        check.count("states passed over: silent for 90 days")
        return
    check.count("states compared")
    parts = ["all of it"] if live is None else compare_states(live, made, kind)
    if parts and seen.is_unordered and ORDERED_PARTS.issuperset(parts):
        check.count("cards whose calls at one moment have no order")
    elif parts:
        check.fault(f"{key} differs in {', '.join(parts)}")


def _parameters(names: Mapping[Kind, list[str]], span: Span) -> dict[str, Any]:
    """What the queries below ask for."""
    addresses = [name for name in names["ip"] if ":" not in name]
    asked: dict[str, Any] = {**{str(kind): names[kind] for kind in KINDS}, "ip": addresses}
    return asked | {"version": VERSION, "since": span.since, "until": span.until}


# All payments from IPv6 are looked at: those of one network cannot be asked for by name.
_OF_SAMPLE = """
(card_id = ANY(%(card)s) OR customer_id = ANY(%(customer)s) OR merchant_id = ANY(%(merchant)s)
  OR device_id = ANY(%(device)s) OR ip_address = ANY(%(ip)s::inet[]) OR family(ip_address) = 6)
"""
_IN_SPAN = (
    "decided_at BETWEEN coalesce(%(since)s::timestamptz, '-infinity') AND coalesce(%(until)s::timestamptz, 'infinity')"
)
# `features` is there where the vector was made with the features, of this version, for a card of the sample.
_RECORDED = pl.Schema(
    {"id": pl.Int64(), "transaction_id": pl.String(), **PAYMENTS, "is_called": pl.Boolean(), "features": pl.String()}
)
_SELECT_RECORDED = f"""
SELECT id, transaction_id, {PAYMENT_COLUMNS}, (source !~ '^(stream|file):')::text,
  CASE WHEN feature_version = %(version)s AND NOT 'features' = ANY(degraded) AND card_id = ANY(%(card)s) AND {_IN_SPAN}
    THEN encode(features, 'hex') END
FROM scoring_decision WHERE id > %(last)s AND {_OF_SAMPLE} ORDER BY id LIMIT %(limit)s
"""  # noqa: S608 - names of ours
_LEARNT = pl.Schema({"id": pl.Int64(), **LABELS})
# Of each payment the statement that was applied first.
_SELECT_LEARNT = f"""
SELECT label.id, {instant("known_at")}, 0, amount, card_id, customer_id, merchant_id, device_id, host(ip_address)
FROM scoring_label AS label JOIN scoring_decision AS decision ON decision.id = decision_id
WHERE label.id > %(last)s AND {_OF_SAMPLE} AND label.id IN (
  SELECT DISTINCT ON (decision_id) id FROM scoring_label WHERE label = 'fraud' AND applied_at IS NOT NULL
  ORDER BY decision_id, applied_at, known_at, id
) ORDER BY label.id LIMIT %(limit)s
"""  # noqa: S608 - names of ours


def _pages(query: str, parameters: Mapping[str, Any], schema: pl.Schema) -> Iterator[pl.DataFrame]:
    last = 0
    while len(page := columns_of(query, {**parameters, "last": last, "limit": PAYMENTS_AT_ONCE}, schema)):
        last = page["id"][-1]
        yield page


def _count_payments(
    again: Again, parameters: Mapping[str, Any], tell: Callable[[str], object]
) -> Iterator[tuple[pl.DataFrame, NDArray[np.float32]]]:
    """Apply the sample's payments in their order, from the first on; each page with its vectors."""
    counted = 0
    for page in _pages(_SELECT_RECORDED, parameters, _RECORDED):
        replayed = replay(page, states=again.states)
        again.states, again.met = replayed.states, _with_meetings(again, page)
        yield page, replayed.vectors
        counted += len(page)
        tell(f"{counted:,} payments counted again")


def _count_frauds(again: Again, parameters: Mapping[str, Any]) -> None:
    """Apply the frauds that the features have learnt, after all payments: states do not depend on when."""
    for page in _pages(_SELECT_LEARNT, parameters, _LEARNT):
        again.states = replay(PAYMENTS.to_frame(), page, again.states).states


# Whom a payment met: when it came, how long after the one before, at the longest, and whether it, or any, came by call.
_MEETINGS = pl.Schema(
    {
        "key": pl.String(),
        "received_at": PAYMENTS["received_at"],
        "silence": pl.Duration("us"),
        "is_called": pl.Boolean(),
    }
)
_IDENTITIES = ("card_id", "customer_id", "merchant_id", "device_id", "ip_address")


def _with_meetings(again: Again, page: pl.DataFrame) -> pl.DataFrame:
    """What is known of the entities after a page more."""
    met = [again.met]
    for (kind, states), column in zip(again.states.items(), _IDENTITIES, strict=True):
        names = networks_of(page[column]) if kind == "ip" else page[column]
        found = page.select(
            "received_at", "is_called", key=state_key(kind, "") + names, silence=pl.lit(timedelta(), pl.Duration("us"))
        )
        met.append(found.filter(names.is_in(states.names)).select(*_MEETINGS))
    between = pl.col("received_at").diff().max()
    return (
        pl.concat(met)
        .group_by("key")
        .agg(
            pl.col("received_at").last(), pl.max_horizontal(pl.col("silence").max(), between), pl.col("is_called").any()
        )
    )


def _compare_vectors(check: Check, payments: pl.DataFrame, vectors: NDArray[np.float32], again: Again) -> None:
    apart = again.met.filter(pl.col("is_called") | (pl.col("silence") > _SILENCE))["key"]
    asked = payments.with_row_index("row").filter(
        pl.col("features").is_not_null() & ~(pl.lit(state_key("card", "")) + pl.col("card_id")).is_in(apart.implode())
    )
    if not len(asked):
        return
    check.count("vectors compared", len(asked))
    stored = np.frombuffer(b"".join(asked["features"].str.decode("hex")), np.float32).reshape(-1, len(NAMES))
    made = vectors[asked["row"]]
    is_other = stored.view(np.uint32)[:, OWN_COLUMNS] != made.view(np.uint32)[:, OWN_COLUMNS]
    # Nearly all are the same to the bit.
    for row in np.flatnonzero(is_other.any(axis=1)).tolist():
        if names := differing_columns(stored[row], made[row]):
            check.fault(
                f"transaction {asked['transaction_id'][row]} was decided with other values of {', '.join(names)}"
            )


def _unsettled(store: StateStore) -> set[str]:
    """Keys of entities with payments or frauds that are recorded and perhaps not counted yet."""
    rows = list(PendingFeatures.objects.all())
    done = store.has_receipts([str(row.id) for row in rows])
    waiting = [row for row, is_done in zip(rows, done, strict=True) if not is_done]
    labels = Label.objects.filter(id__in=[one for row in waiting for one in row.label_ids]).select_related("decision")
    events: list[Event] = [
        *payments_of([one for row in waiting for one in row.decision_ids]),
        *map(fraud_event, labels),
    ]
    return {key for event in events for key in _keys_of(event)}


def _keys_of(event: Event) -> Iterator[str]:
    who = event if isinstance(event, FraudKnown) else event.transaction
    names = (
        who.card_id,
        who.customer_id,
        who.merchant_id,
        who.device_id,
        who.ip_address and network_of(who.ip_address),
    )
    return (state_key(kind, name) for kind, name in zip(KINDS, names, strict=True) if name)
