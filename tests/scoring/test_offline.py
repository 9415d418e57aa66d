"""The columnar engine gives what the live store gives, vector by vector and state by state."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.features.definitions import FEATURES
from scoring.features.events import Event, FraudKnown, Payment, state_key
from scoring.features.layout import KINDS, layouts
from scoring.features.live import MemoryStore, Pending
from scoring.features.offline import LABELS, PAYMENTS, Replayed, blank_states, compare_states, replay
from tests.factories import NOON
from tests.scoring.histories import history_of, live_vectors, steps
from tests.scoring.payments import make_payment


def frames_of(events: Sequence[Event]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Payments and labels as the record would give them."""
    payments, labels = [], []
    for event in events:
        if isinstance(event, FraudKnown):
            labels.append(
                {"after": len(payments)}
                | {name: getattr(event, name) for name in LABELS if name != "after"}
                | {"amount": float(event.amount)}
            )
        else:
            sent = {name: getattr(event.transaction, name, None) for name in PAYMENTS}
            amount, declined = float(event.transaction.amount), event.is_declined
            payments.append(sent | {"received_at": event.received_at, "amount": amount, "is_declined": declined})
    return pl.DataFrame(payments, PAYMENTS), pl.DataFrame(labels, LABELS)


def differences(store: MemoryStore, replayed: Replayed) -> list[tuple[str, list[str]]]:
    """What of all states is not the same, states that only one of them has included."""
    offline = {
        state_key(kind, name): (kind, row.tobytes())
        for kind, states in replayed.states.items()
        for name, row in zip(states.names, states.rows, strict=True)
    }
    found = [(key, ["missing"]) for key in store.states.keys() ^ offline.keys()]
    for key in store.states.keys() & offline.keys():
        kind, state = offline[key]
        found.append((key, compare_states(store.states[key], state, kind)))
    return [(key, parts) for key, parts in found if parts]


@settings(max_examples=60, deadline=None)
@given(steps(late=[0, 0, 0, 1, 300, 4000, 90000, 3456000]), st.lists(st.integers(1, 40), max_size=3))
def test_a_history_replayed_gives_the_vectors_and_states_of_the_live_store(chosen, cuts):
    events = history_of(chosen)
    store = MemoryStore()

    live = live_vectors(events, cuts=cuts, store=store)
    replayed = replay(*frames_of(events))

    assert replayed.vectors.tobytes() == live.tobytes()
    assert differences(store, replayed) == []


@settings(max_examples=60, deadline=None)
@given(steps(late=[0, 0, 1, 4000, 3456000]), st.integers(0, 40))
def test_some_entities_followed_from_page_to_page_are_what_they_are_in_one_replay_of_everybody(chosen, cut):
    events = history_of(chosen)
    whole = replay(*frames_of(events))
    followed = {kind: states.names[::2] for kind, states in whole.states.items()}

    first = replay(*frames_of(events[:cut]), blank_states(followed))
    second = replay(*frames_of(events[cut:]), first.states)

    for kind, states in whole.states.items():
        assert second.states[kind].names == followed[kind]
        assert second.states[kind].rows.tobytes() == states.rows[::2].tobytes()
    payments = [event.transaction for event in events if isinstance(event, Payment)]
    is_followed = [payment.card_id in followed["card"] for payment in payments]
    own = [i for i, row in enumerate(FEATURES) if row.entity in {"card", "payment"}]
    vectors = np.concatenate([first.vectors, second.vectors])
    assert vectors[is_followed][:, own].tobytes() == whole.vectors[is_followed][:, own].tobytes()


def test_states_to_go_on_from_stay_as_they_are():
    payments, _ = frames_of([Payment(make_payment(), NOON)])
    before = blank_states({kind: ["card-1"] if kind == "card" else [] for kind in KINDS})

    after = replay(payments, states=before).states

    assert after["card"].rows.any()
    assert not before["card"].rows.any()


def test_without_labels_a_frame_of_payments_is_enough():
    payments, _ = frames_of([Payment(make_payment(), NOON), Payment(make_payment(), NOON)])

    replayed = replay(payments)

    assert replayed.vectors.shape == (2, len(replayed.vectors[0]))
    assert replayed.states["card"].names == ["card-1"]


def test_a_missing_column_is_named():
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="channel"):
        replay(pl.DataFrame(schema=PAYMENTS).drop("channel"))


def state_of(kind: str, events: Sequence[Event]) -> bytes:
    store = MemoryStore()
    Pending(store, events).write()
    (state,) = [state for key, state in store.states.items() if f":{kind}:" in key]
    return state


def payments_at(*seconds: int) -> list[Payment]:
    """Each by a card of its own, all of one customer at one shop."""
    names = {"customer_id": "c", "ip_address": "192.0.2.7", "device_id": "d", "merchant_id": "m"}
    times = [NOON + timedelta(seconds=at) for at in seconds]
    return [Payment(make_payment(card_id=f"card-{i}", occurred_at=at, **names), at) for i, at in enumerate(times)]


def frauds_at(*seconds: int) -> list[FraudKnown]:
    return [
        FraudKnown(
            card_id="card-0", customer_id="c", ip_address="192.0.2.7", device_id="d", merchant_id="m",
            amount=Decimal(20 + at % 7), known_at=NOON + timedelta(seconds=at),
        )
        for at in seconds
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["customer", "merchant", "device", "ip"])
def test_what_partitions_share_does_not_depend_on_the_order_they_come_in(kind):
    # More cards than any of them remembers, some in the same second, tiles that later ones push out.
    events = [
        *payments_at(*(i // 5 for i in range(30)), 3900, 90000, 90000, 40 * 86400),
        *frauds_at(30, 30, 5000, 39 * 86400),
    ]
    chance = np.random.default_rng(3)

    in_order = state_of(kind, events)

    for _ in range(30):
        shuffled = state_of(kind, [events[i] for i in chance.permutation(len(events))])
        assert compare_states(shuffled, in_order, kind) == []


@pytest.mark.parametrize("kind", KINDS)
def test_each_part_that_differs_is_named(kind):
    layout = layouts()[kind]
    blank = bytes(layout.width)
    for name, part in layout.parts.items():
        changed = bytearray(blank)
        np.frombuffer(changed, part.dtype, 1, part.start * part.dtype.itemsize)[0] = 2

        assert compare_states(blank, bytes(changed), kind) == ([] if name == "writes" else [name])


def test_a_millionth_is_no_difference_and_another_width_is_one():
    one, other = state_of("merchant", payments_at(0)), bytearray(state_of("merchant", payments_at(0)))
    part = layouts()["merchant"].parts["tiles_86400_amounts"]
    amounts = np.frombuffer(other, np.float64, part.cells, part.start * 8)
    amounts *= 1.0 + 1e-8

    assert compare_states(one, bytes(other), "merchant") == []
    assert compare_states(one, bytes(other) + bytes(8), "merchant") == ["width"]
