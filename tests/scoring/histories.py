"""Random histories of payments and labels, and what the live engine makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st

from scoring.features.definitions import NAMES
from scoring.features.events import Event, FraudKnown, Payment
from scoring.features.live import MemoryStore, Pending
from tests.factories import NOON
from tests.scoring.payments import make_payment

# Midnight: every hop has an edge here.
MIDNIGHT = NOON.replace(hour=0)


@dataclass(frozen=True)
class Step:
    """What a random history is made of: a payment or a label, some time after the last, or late by some time."""

    gap: int
    late: int
    card: int
    merchant: int
    device: int | None
    customer: int | None
    address: str | None
    place: tuple[float, float] | None
    cents: int
    is_label: bool
    is_declined: bool
    country: str | None


def steps(late: Sequence[int] = (0,), most: int = 40) -> st.SearchStrategy[list[Step]]:
    return st.lists(
        st.builds(
            Step,
            gap=st.sampled_from([0, 0, 1, 59, 61, 299, 300, 301, 3599, 3600, 7200, 86399, 86400, 604800, 2678400]),
            late=st.sampled_from(late),
            card=st.integers(0, 2),
            merchant=st.integers(0, 2),
            device=st.none() | st.integers(0, 1),
            customer=st.none() | st.integers(0, 1),
            address=st.sampled_from(
                [None, "192.0.2.7", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "::ffff:c000:207"]
            ),
            place=st.none() | st.sampled_from([(48.85, 2.35), (59.33, 18.06), (-33.87, 151.21), (90.0, 0.0)]),
            cents=st.sampled_from([1, 199, 200, 1000, 1999, 123456, 9007199254740992]),
            is_label=st.sampled_from([False, False, False, False, True]),
            is_declined=st.sampled_from([False, False, True]),
            country=st.sampled_from([None, "FR", "SE"]),
        ),
        max_size=most,
    )


def history_of(chosen: Sequence[Step]) -> list[Event]:
    now = MIDNIGHT
    events: list[Event] = []
    for step in chosen:
        now += timedelta(seconds=step.gap)
        happened = now - timedelta(seconds=step.late)
        names: dict[str, Any] = {
            "card_id": f"card-{step.card}",
            "merchant_id": f"m-{step.merchant}",
            "device_id": None if step.device is None else f"d-{step.device}",
            "customer_id": None if step.customer is None else f"c-{step.customer}",
            "ip_address": step.address,
        }
        if step.is_label:
            events.append(FraudKnown(known_at=happened, amount=Decimal(step.cents) / 100, **names))
            continue
        payment = make_payment(
            occurred_at=happened,
            amount=Decimal(step.cents) / 100,
            merchant_country=step.country,
            latitude=step.place and step.place[0],
            longitude=step.place and step.place[1],
            channel="pos" if step.card else "moto",
            **names,
        )
        events.append(Payment(payment, now, step.is_declined))
    return events


def live_vectors(events: Sequence[Event], *, cuts: Sequence[int] = (), store: MemoryStore | None = None) -> np.ndarray:
    """Vectors of the payments among the events, applied in batches that end at each cut."""
    store = store or MemoryStore()
    edges = sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})
    batches = []
    for start, end in zip(edges, edges[1:], strict=False):
        pending = Pending(store, events[start:end])
        pending.write()
        batches.append(pending.vectors[[isinstance(event, Payment) for event in events[start:end]]])
    return np.concatenate(batches) if batches else np.empty((0, len(NAMES)), np.float32)
