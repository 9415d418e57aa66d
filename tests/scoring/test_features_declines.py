"""Declines inside a batch: learnt afterwards, they give what deciding one payment after the other would."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.features.definitions import INDEX
from scoring.features.events import Event, FraudKnown, Payment
from scoring.features.live import MemoryStore, Pending
from tests.factories import NOON
from tests.scoring.payments import make_payment

STREAK = INDEX["card_decline_streak"]


def history(cards: Sequence[int | None]) -> list[Event]:
    """A payment of each card named, a label where none is."""
    return [
        FraudKnown(card_id="card-1", merchant_id="m-1", amount=Decimal(20), known_at=NOON)
        if card is None
        else Payment(make_payment(card_id=f"card-{card}", occurred_at=NOON + timedelta(seconds=i)), NOON)
        for i, card in enumerate(cards)
    ]


def is_declined(row: int, streak: float) -> bool:
    """A made-up policy, in which a decline makes another one likelier and then no longer."""
    return (row * 7 + int(streak) * 5) % 11 < 6 and streak < 4


def one_by_one(events: Sequence[Event], store: MemoryStore) -> np.ndarray:
    """Vectors when each payment is decided and applied before the next one is looked at."""
    rows = []
    for i, event in enumerate(events):
        pending = Pending(store, [event])
        outcome = isinstance(event, Payment) and is_declined(i, pending.vectors[0, STREAK])
        pending.learn_declines(np.array([outcome]))
        pending.write()
        rows.append(pending.vectors[0])
    return np.array(rows)


def at_once(events: Sequence[Event], store: MemoryStore) -> np.ndarray:
    pending = Pending(store, events)
    declined = np.zeros(len(events), bool)
    rows = np.arange(len(events))
    while len(rows):
        for row in rows:
            declined[row] = isinstance(events[row], Payment) and is_declined(row, pending.vectors[row, STREAK])
        rows = pending.learn_declines(declined)
    pending.write()
    return pending.vectors


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.integers(0, 2), min_size=1, max_size=40))
def test_a_batch_decided_until_nothing_changes_equals_its_payments_decided_one_by_one(cards):
    events = history(cards)
    single, whole = MemoryStore(), MemoryStore()

    np.testing.assert_array_equal(at_once(events, whole), one_by_one(events, single))
    assert {key: state[8:] for key, state in whole.states.items()} == {
        key: state[8:] for key, state in single.states.items()
    }


def test_only_the_rows_after_a_decline_change():
    pending = Pending(MemoryStore(), history([1, 2, 1, 1, 2]))

    first = pending.learn_declines(np.array([True, False, False, False, False]))
    again = pending.learn_declines(np.array([True, False, False, False, False]))
    taken_back = pending.learn_declines(np.zeros(5, bool))

    assert first.tolist() == [2]
    assert again.tolist() == []
    assert taken_back.tolist() == [2]
    assert pending.vectors[:, STREAK].tolist() == [0.0] * 5


def test_outcomes_already_known_need_not_be_learnt():
    store = MemoryStore()
    payment = make_payment()

    Pending(store, [Payment(payment, NOON, is_declined=True)] * 3).write()

    assert Pending(store, [Payment(payment, NOON)]).vectors[0, STREAK] == 3.0


def test_declines_are_kept_when_a_batch_is_computed_again_over_what_others_wrote():
    store = MemoryStore()
    pending = Pending(store, history([1]))
    pending.learn_declines(np.array([True]))
    Pending(store, history([1, 1])).write()

    pending.write()

    assert Pending(store, history([1])).vectors[0, STREAK] == 1.0
    assert Pending(store, history([1])).vectors[0, INDEX["card_count_24h"]] == 3.0


def test_the_vectors_of_a_decision_stay_when_its_states_are_computed_again():
    store = MemoryStore()
    pending = Pending(store, history([1]))
    before = pending.vectors.copy()
    Pending(store, history([1, 1])).write()

    pending.write()

    np.testing.assert_array_equal(pending.vectors, before)
