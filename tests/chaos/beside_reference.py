"""Stored vectors beside the plain and slow reference of the tests, for some entities."""

import random
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from scoring.features.definitions import NAMES
from scoring.features.events import Payment, network_of
from scoring.features.layout import KINDS
from scoring.models import Decision
from scoring.queries import payments_between
from tests.chaos.counting import Outcome
from tests.scoring.reference import reference_vector

Entity = tuple[str, str]
_ALL = 10_000_000


def compare_with_reference(outcome: Outcome, base: int, chance: random.Random, sample: int) -> None:
    """Compare one payment after decision `base` of each of `sample` entities, drawn from all kinds.

    The reference gets all that any of the payment's entities had before, in the order of the record.
    """
    record = payments_between(1, _ALL)
    rows_of: defaultdict[Entity, list[int]] = defaultdict(list)
    for row, (_, payment) in enumerate(record):
        for entity in _entities(payment):
            rows_of[entity].append(row)
    ours = sorted(entity for entity, rows in rows_of.items() if record[rows[-1]][0] > base)
    for entity in chance.sample(ours, min(sample, len(ours))):
        row = chance.choice([row for row in rows_of[entity] if record[row][0] > base])
        decision_id, payment = record[row]
        before = sorted({early for one in _entities(payment) for early in rows_of[one] if early < row})
        wanted = np.array(reference_vector([record[early][1] for early in before], payment), np.float32)
        stored = np.frombuffer(Decision.objects.values_list("features", flat=True).get(id=decision_id), np.float32)
        differing = np.flatnonzero(~np.isclose(stored, wanted, rtol=1e-6, atol=1e-9, equal_nan=True))
        names = [payment.transaction.transaction_id] if len(differing) else []
        outcome.miss("wrong", names, f"is not what the reference says of {[NAMES[i] for i in differing]}")
    outcome.done["vectors beside the reference"] = min(sample, len(ours))


def _entities(payment: Payment) -> Iterator[Entity]:
    sent = payment.transaction
    ip = sent.ip_address and network_of(sent.ip_address)
    names = (sent.card_id, sent.customer_id, sent.merchant_id, sent.device_id, ip)
    yield from ((kind, name) for kind, name in zip(KINDS, names, strict=True) if name)
