"""Batches of a stream whose features are written, and what the store should then know."""

from scoring.features.events import Payment
from scoring.features.live import MemoryStore, Pending
from scoring.services.decisions import Writer, decide_transactions
from tests.factories import MINUTE, NOON
from tests.scoring.payments import arrive, make_payment

NAME = "stream:transactions"


def batches(count: int = 3, size: int = 4) -> list[list]:
    """Payments of three cards at one shop, a minute apart."""
    return [
        [
            arrive(make_payment(card_id=f"card-{i % 3}", occurred_at=NOON + MINUTE * i), position=i)
            for i in range(size * batch, size * (batch + 1))
        ]
        for batch in range(count)
    ]


def decide(store, arrivals, *, settled=None, **options):
    return decide_transactions(arrivals, writer=Writer(NAME, store, settled=settled, **options))


def contents(store: MemoryStore) -> dict[str, bytes]:
    """States without their counts of writes: how often a row was written says nothing of what is in it."""
    return {key: state[8:] for key, state in store.states.items()}


def smooth_run(arrivals_of: list[list]) -> MemoryStore:
    """What the states are when nothing goes wrong."""
    store = MemoryStore()
    for arrivals in arrivals_of:
        Pending(store, [Payment(arrival.transaction, arrival.received_at) for arrival in arrivals]).write()
    return store
