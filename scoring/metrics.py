"""Counters and times for Prometheus; the names are a contract."""

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
    for decision in decisions:
        DECISIONS.labels(decision.outcome, source).inc()
        SECONDS.observe(decision.latency_ms / 1000)
        for part in decision.degraded:
            DEGRADED.labels(part).inc()
