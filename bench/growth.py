"""The same stream with more cards and more rules, and what an entity takes in Valkey."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

import psycopg
import redis
from django.conf import settings

from bench import rig
from bench.stream import Traffic, drain_to_end, of_cards
from scoring.features.events import Payment
from scoring.features.live import Pending
from scoring.services.store import batch_store
from scoring.transaction import Transaction

FEW_CARDS, MANY_CARDS = 10_000, 1_000_000
FEW_RULES, MANY_RULES = 10, 300
BACKLOG = 40_000
AT_ONCE = 2_000
SAMPLE = 2_000
TOTAL = 4 * BACKLOG


def measure(db: psycopg.Connection[Any], traffic: Traffic, standard_rules: int) -> dict[str, int]:
    """Decisions a second in each setting.

    Drawn cards pay at odd amounts and jump from place to place: the policies flag next to nothing, or cases would be
    what is measured.
    """
    found: dict[str, int] = {}
    for rules in (FEW_RULES, MANY_RULES):
        rig.publish(rules, is_quiet=True)
        rig.wait_for_policy()
        found[f"{rules}_rules"] = drain_to_end(db, traffic.take(BACKLOG))["decisions_per_second"]
    rig.publish(standard_rules, is_quiet=True)
    rig.wait_for_policy()
    for cards in (FEW_CARDS, MANY_CARDS):
        _make_known(cards)
        found[f"{cards}_cards"] = drain_to_end(db, of_cards(traffic.take(BACKLOG), cards))["decisions_per_second"]
    rig.publish(standard_rules)
    rig.wait_for_policy()
    return found


def _make_known(cards: int) -> None:
    """A state for every card. States have one width: a card seen once takes as much as one seen for years."""
    now, store = datetime.now(UTC), batch_store()
    for start in range(0, cards, AT_ONCE):
        Pending(store, [
            Payment(Transaction(
                transaction_id=f"known-{number}", occurred_at=now, amount=Decimal(10), currency="EUR",
                card_id=f"card-{number:06d}", merchant_id="merchant-known",
            ), now)
            for number in range(start, start + AT_ONCE)
        ]).write()  # fmt: skip


def bytes_per_entity() -> dict[str, int]:
    """What Valkey holds for one entity of each kind: its state, key and bookkeeping; the mean of a sample."""
    sizes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        for key in islice(valkey.scan_iter("feature:*", count=1000), 20 * SAMPLE):
            kind = key.decode().split(":")[2]
            if counts[kind] < SAMPLE:
                sizes[kind] += valkey.memory_usage(key) or 0
                counts[kind] += 1
    return {kind: round(sizes[kind] / counts[kind]) for kind in sizes if counts[kind] > 1}
