"""What rules add to a decision: batches of 500 with few and with many of them, from the engine to the stored row."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from django.utils.timezone import now

from bench import rig
from bench.rules import rules
from bench.stream import Traffic
from scoring.decisioning import PolicyInForce, judge
from scoring.features.events import Payment
from scoring.features.live import MemoryStore, Pending
from scoring.queries_lists import list_hits
from scoring.rules.evaluation import Batch, CompiledRule
from scoring.rules.language import compile_condition
from scoring.services.decisions import Arrival, Writer, decide_transactions
from scoring.services.models import champion
from scoring.services.policy import forget_policy
from scoring.services.store import batch_store
from scoring.transaction import Transaction, decode

FEW, USUAL, MANY = 10, 30, 300
COUNTS = (FEW, USUAL, MANY)
BATCH, BATCHES = 500, 12
# A batch takes milliseconds: of several rounds the quickest is the one that nothing disturbed.
ROUNDS = 5
TOTAL = BATCH * BATCHES * len(COUNTS)


def measure(traffic: Traffic) -> dict[str, Any]:
    """Milliseconds a batch, by the number of rules: the policy alone, and deciding as a stream worker does."""
    sent = {count: _batches(traffic) for count in COUNTS}
    judged = {count: _judging_ms(sent[FEW], count) for count in COUNTS}
    decided = {count: _deciding_ms(sent[count], count) for count in COUNTS}
    rig.publish(USUAL)
    rig.wait_for_policy()
    return {
        "batch": BATCH,
        "judged_ms": {str(count): round(ms, 2) for count, ms in judged.items()},
        "decided_ms": {str(count): round(ms, 2) for count, ms in decided.items()},
        "many_to_few": round(decided[MANY] / decided[FEW], 2),
    }


def _batches(traffic: Traffic) -> list[list[Transaction]]:
    received_at = now()
    sent = [decode(body, received_at=received_at) for _, body in traffic.take(BATCH * BATCHES)]
    return [sent[start : start + BATCH] for start in range(0, len(sent), BATCH)]


def _judging_ms(batches: Sequence[Sequence[Transaction]], count: int) -> float:
    received_at, store, model = now(), MemoryStore(), champion()
    assert model is not None
    vectors = [Pending(store, [Payment(one, received_at) for one in batch]).vectors for batch in batches]
    scores, listed = [model.score(each) for each in vectors], [list_hits(batch, at=received_at) for batch in batches]
    compiled = [
        CompiledRule(rule.code, compile_condition(rule.expression), rule.outcome, rule.words) for rule in rules(count)
    ]
    policy = PolicyInForce(version=0, review_threshold=1.0, decline_threshold=1.0, rules=tuple(compiled))
    parts = list(zip(batches, vectors, scores, listed, strict=True))

    def work() -> None:
        for batch, vector, score, hits in parts:
            judge(Batch(batch, vector, score, listed=hits, at=[received_at] * len(batch)), policy)

    return min(_ms(work) for _ in range(ROUNDS)) / BATCHES


def _deciding_ms(batches: Sequence[Sequence[Transaction]], count: int) -> float:
    """The quickest batch, of payments that are decided for the first time."""
    rig.publish(count, is_quiet=True)
    forget_policy()
    writer = Writer("file:bench", batch_store(), has_effects=False)
    times = []
    for batch in batches:
        arrivals = [Arrival(one, now(), "file:bench") for one in batch]
        times.append(_ms(lambda arrivals=arrivals: decide_transactions(arrivals, writer=writer)))  # type: ignore[misc]
    # The first ones compile, connect and fill caches.
    return min(times[2:])


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
