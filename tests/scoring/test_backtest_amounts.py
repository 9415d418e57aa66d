"""Amounts of a backtest are sums of what is recorded, to the last decimal."""

from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scoring.backtesting.trial import UNITS, Chunk, Trial
from scoring.decisioning import PolicyInForce
from tests.factories import NOON
from tests.scoring.payments import make_payment

POLICY = PolicyInForce(version=1, review_threshold=0.5, decline_threshold=0.9, rules=())
# In ten-thousandths: up to 2^53 minor units of two decimals, around where a float can still tell them apart.
AMOUNTS = st.integers(1, 2**53 * 100) | st.integers(2**50 - 1000, 2**50 + 1000) | st.integers(1, 10**7)


@given(st.lists(AMOUNTS, min_size=1, max_size=5))
def test_an_amount_is_counted_exactly(units):
    rows = len(units)
    chunk = Chunk(
        ids=np.arange(rows),
        transactions=[make_payment(amount=Decimal(one) / UNITS) for one in units],
        vectors=np.zeros((rows, 1), np.float32),
        scores=np.zeros(rows),
        anomalies=np.full(rows, np.nan),
        listed={},
        at=[NOON] * rows,
        days=np.zeros(rows, np.int64),
        kinds=np.zeros(rows, np.int64),
        recorded=np.zeros(rows, np.int64),
        is_mature=np.ones(rows, np.bool_),
    )

    assert Trial(POLICY, POLICY).look(chunk).units.tolist() == units
