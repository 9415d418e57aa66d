"""A vector for another amount is the one that the engine gives the same payment with that amount."""

from datetime import timedelta
from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scoring.features.amounts import AMOUNT_ENTERS, AmountUnknownError, amount_lines, vectors_at
from scoring.features.definitions import FEATURES, INDEX, NAMES
from scoring.features.events import Payment
from scoring.features.live import MemoryStore, Pending
from tests.factories import NOON
from tests.scoring.histories import history_of, live_vectors, steps
from tests.scoring.payments import make_payment

AMOUNTS = ["0.01", "1.99", "12.34", "499.99", "500.00", "98765.43"]


def with_amount(event: Payment, amount: str) -> Payment:
    transaction = msgspec.structs.replace(event.transaction, amount=Decimal(amount))
    return msgspec.structs.replace(event, transaction=transaction)


@settings(max_examples=100, deadline=None)
@given(chosen=steps(most=25), amounts=st.lists(st.sampled_from(AMOUNTS), min_size=1, max_size=3, unique=True))
def test_it_equals_the_engines_for_every_feature_and_every_history(chosen, amounts):
    events = history_of(chosen)
    assume(events and isinstance(events[-1], Payment))
    vector = live_vectors(events)[-1]
    try:
        lines = amount_lines(vector, float(events[-1].transaction.amount))
    except AmountUnknownError:
        assume(False)

    made = vectors_at(vector, lines, np.array([float(amount) for amount in amounts]))

    for row, amount in enumerate(amounts):
        engines = live_vectors([*events[:-1], with_amount(events[-1], amount)])[-1]
        for name, ours, theirs in zip(NAMES, made[row], engines, strict=True):
            # A deviation is told from an average and a spread that float32 values carry.
            near = {"rel": 2e-4, "abs": 2e-5} if "deviation" in name else {"rel": 3e-7}
            assert float(ours) == pytest.approx(float(theirs), nan_ok=True, **near), name


def test_only_what_the_table_says_moves_with_the_amount():
    card = [make_payment(amount=Decimal(amount), occurred_at=NOON + timedelta(hours=n)) for n, amount in enumerate(
        [20, 35, 30, 90]
    )]  # fmt: skip
    one, other = (
        Pending(MemoryStore(), [Payment(p, p.occurred_at) for p in [*card[:3], last]]).vectors[-1]
        for last in (card[3], msgspec.structs.replace(card[3], amount=Decimal("7.50")))
    )

    moved = {feature.op for feature in FEATURES if one[INDEX[feature.name]] != other[INDEX[feature.name]]
             and not np.isnan(one[INDEX[feature.name]])}  # fmt: skip

    assert moved == set(AMOUNT_ENTERS) & {feature.op for feature in FEATURES}


def test_at_its_own_amount_nothing_changes():
    payments = [make_payment(amount=Decimal(n), occurred_at=NOON + timedelta(hours=n)) for n in (10, 12, 14, 99)]
    vector = Pending(MemoryStore(), [Payment(p, p.occurred_at) for p in payments]).vectors[-1]

    (again,) = vectors_at(vector, amount_lines(vector, 99.0), np.array([99.0]))

    assert again == pytest.approx(vector, rel=1e-6, nan_ok=True)


def test_near_the_cards_average_its_spread_is_not_guessed():
    payments = [make_payment(amount=Decimal(n), occurred_at=NOON + timedelta(hours=n)) for n in (10, 12, 14)]
    usual = make_payment(amount=Decimal(12), occurred_at=NOON + timedelta(days=1))
    vector = Pending(MemoryStore(), [Payment(p, p.occurred_at) for p in [*payments, usual]]).vectors[-1]

    with pytest.raises(AmountUnknownError, match="the amount is the usual one"):
        amount_lines(vector, 12.0)
