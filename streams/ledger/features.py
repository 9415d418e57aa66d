"""Live features beside those that the record gives: the same table and kernel, begun from nothing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import numpy as np
from django.db import connection
from django.utils.timezone import now
from numpy.typing import NDArray

from scoring.features.definitions import VERSION
from scoring.features.events import Event, FraudKnown, Payment, network_of, state_key
from scoring.features.layout import KINDS, Kind
from scoring.features.live import STATE_SECONDS, MemoryStore, Pending, StateStore
from scoring.features.offline import compare_states
from scoring.models import Label, PendingFeatures
from scoring.queries import payments_of
from scoring.services.features import FRAUD_FIELDS, fraud_event
from scoring.transaction import Transaction
from streams.ledger.log import Span
from streams.ledger.report import Check
from streams.ledger.states import ORDERED_PARTS, differing_columns

CHUNK = 2_000
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
_decoder = msgspec.json.Decoder(Transaction)

Sample = dict[str, Kind]


@dataclass
class Again:
    """States made from the record, and what is known of the entities by then."""

    store: MemoryStore = field(default_factory=MemoryStore)
    last: dict[str, datetime] = field(default_factory=dict)
    # Silent for so long that the live state had expired in between.
    interrupted: set[str] = field(default_factory=set)
    # Cards with payments that came by call: two at once have no order.
    unordered: set[str] = field(default_factory=set)


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
            " AND decided_at BETWEEN coalesce(%s::timestamptz, '-infinity') AND coalesce(%s::timestamptz, 'infinity')"
            f" GROUP BY {column} ORDER BY random() LIMIT %s",
            [span.since, span.until, sample],
        )
        return {state_key(kind, network_of(name) if kind == "ip" else name) for (name,) in cursor.fetchall()}


def _compare(
    check: Check, keys: Sample, span: Span, store: StateStore, tell: Callable[[str], object], *, with_vectors: bool
) -> Sample:
    """Compare each state that stood still meanwhile; the others."""
    before = _live(store, keys)
    again = Again()
    for events, vectors in _count_payments(again, keys, tell):
        if with_vectors:
            _compare_vectors(check, events, vectors, span, keys, again)
    _count_frauds(again, keys)
    # In this order: what is not unsettled by now is in the states read next.
    unsettled = _unsettled(store)
    after = _live(store, keys)
    moving = {key: kind for key, kind in keys.items() if key in unsettled or before[key] != after[key]}
    for key in keys.keys() - moving.keys():
        _compare_state(check, key, keys[key], after[key], again)
    return moving


def _live(store: StateStore, keys: Sample) -> dict[str, bytes | None]:
    names = list(keys)
    states: list[bytes | None] = []
    for start in range(0, len(names), CHUNK):
        states += store.read(names[start : start + CHUNK])[1]
    return dict(zip(names, states, strict=True))


def _compare_state(check: Check, key: str, kind: Kind, live: bytes | None, again: Again) -> None:
    made = again.store.states.get(key)
    is_expired = live is None and key in again.last and now() - again.last[key] > _SILENCE
    if made is None or is_expired or key in again.interrupted:
        check.count("states passed over: silent for 90 days")
        return
    check.count("states compared")
    parts = ["all of it"] if live is None else compare_states(live, made, kind)
    if parts and key in again.unordered and ORDERED_PARTS.issuperset(parts):
        check.count("cards whose calls at one moment have no order")
    elif parts:
        check.fault(f"{key} differs in {', '.join(parts)}")


@dataclass(frozen=True)
class Recorded:
    """A payment of the record, with what its vector is compared by."""

    payment: Payment
    decided_at: datetime
    source: str
    features: bytes
    # Whether the vector was made with the features, of this version.
    is_comparable: bool


_RECORDED = """
SELECT id, record::text, received_at, outcome = 'decline', decided_at, source, features,
  feature_version = %(version)s AND NOT 'features' = ANY(degraded)
FROM scoring_decision
WHERE id > %(last)s AND (card_id = ANY(%(card)s) OR customer_id = ANY(%(customer)s) OR merchant_id = ANY(%(merchant)s)
  OR device_id = ANY(%(device)s) OR ip_address = ANY(%(ip)s::inet[]) OR family(ip_address) = 6)
ORDER BY id LIMIT %(limit)s
"""


def _count_payments(
    again: Again, keys: Sample, tell: Callable[[str], object]
) -> Iterator[tuple[list[Recorded], NDArray[np.float32]]]:
    """Apply the sample's payments in their order, from the first on; each chunk with its vectors."""
    names: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for key, kind in keys.items():
        name = key.removeprefix(state_key(kind, ""))
        # All payments from IPv6 are looked at: those of one network cannot be asked for by name.
        if kind != "ip" or ":" not in name:
            names[kind].append(name)
    last = counted = 0
    while rows := _recorded(names, last):
        last, counted = rows[-1][0], counted + len(rows)
        chunk = [recorded for _, recorded in rows]
        _note(again, chunk, keys)
        yield chunk, _apply(again, [recorded.payment for recorded in chunk], keys)
        tell(f"{counted:,} payments counted again")


def _recorded(names: dict[str, list[str]], last: int) -> list[tuple[int, Recorded]]:
    with connection.cursor() as cursor:
        cursor.execute(_RECORDED, names | {"version": VERSION, "last": last, "limit": CHUNK})
        return [
            (
                decision_id,
                Recorded(
                    Payment(_decoder.decode(record), received_at, is_declined),
                    decided_at,
                    source,
                    bytes(vector),
                    is_like,
                ),
            )
            for decision_id, record, received_at, is_declined, decided_at, source, vector, is_like in cursor.fetchall()
        ]


def _note(again: Again, chunk: Sequence[Recorded], keys: Sample) -> None:
    for recorded in chunk:
        for key in _keys_of(recorded.payment):
            if key not in keys:
                continue
            seen = again.last.get(key)
            if seen is not None and recorded.payment.received_at - seen > _SILENCE:
                again.interrupted.add(key)
            again.last[key] = recorded.payment.received_at
            if not recorded.source.startswith(("stream:", "file:")):
                again.unordered.add(key)


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


def _apply(again: Again, events: Sequence[Event], keys: Sample) -> NDArray[np.float32]:
    pending = Pending(again.store, events)
    pending.write()
    # Of whom the sample does not ask, not all payments were looked at.
    for key in again.store.states.keys() - keys.keys():
        del again.store.states[key]
    return pending.vectors


def _compare_vectors(
    check: Check, chunk: Sequence[Recorded], vectors: NDArray[np.float32], span: Span, keys: Sample, again: Again
) -> None:
    for recorded, vector in zip(chunk, vectors, strict=True):
        card = state_key("card", recorded.payment.transaction.card_id)
        if card not in keys or card in again.unordered or card in again.interrupted:
            continue
        if not recorded.is_comparable or not span.includes(recorded.decided_at):
            continue
        check.count("vectors compared")
        if names := differing_columns(np.frombuffer(recorded.features, np.float32), vector):
            name = recorded.payment.transaction.transaction_id
            check.fault(f"transaction {name} was decided with other values of {', '.join(names)}")


def _count_frauds(again: Again, keys: Sample) -> None:
    """Apply the frauds that the features have learnt: of each payment the statement that was applied first."""
    counted = (
        Label.objects.filter(label=Label.Value.FRAUD, applied_at__isnull=False)
        .order_by("decision_id", "applied_at", "known_at", "id")
        .distinct("decision_id")
        .values("id")
    )
    labels = Label.objects.filter(id__in=counted).select_related("decision").only(*FRAUD_FIELDS).order_by("id")
    last = 0
    while chunk := list(labels.filter(id__gt=last)[:CHUNK]):
        last = chunk[-1].id
        _apply(again, [fraud_event(label) for label in chunk], keys)


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
