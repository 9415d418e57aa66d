"""Counters and times for Prometheus; the names are a contract."""

from collections import Counter as Counted
from collections.abc import Sequence

from prometheus_client import Counter, Histogram

from scoring.queries import RecordedDecision

DECISIONS = Counter("fraud_decisions_total", "Decisions made", ["outcome", "source"])
SECONDS = Histogram(
    "fraud_decision_seconds",
    "Time of a batch in the engine",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
DEGRADED = Counter("fraud_degraded_total", "Decisions made without a part", ["part"])


def observe(decisions: Sequence[RecordedDecision], *, source: str) -> None:
    """Count one batch."""
    for outcome, count in Counted(decision.outcome for decision in decisions).items():
        DECISIONS.labels(outcome, source).inc(count)
    for part, count in Counted(part for decision in decisions for part in decision.degraded).items():
        DEGRADED.labels(part).inc(count)
    if decisions:
        SECONDS.observe(decisions[0].latency_ms / 1000)
