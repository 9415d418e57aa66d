"""Counters and times for Prometheus; the names are a contract."""

import logging
import os
from collections import Counter as Counted
from collections.abc import Iterable, Sequence

from django.db import DatabaseError, InterfaceError
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from scoring.queries import RecordedDecision

logger = logging.getLogger(__name__)

DECISIONS = Counter("fraud_decisions_total", "Decisions made", ["outcome", "source"])
SECONDS = Histogram(
    "fraud_decision_seconds",
    "Time of a batch in the engine",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
DEGRADED = Counter("fraud_degraded_total", "Decisions made without a part", ["part"])
RULE_FAILURES = Counter("fraud_rule_failures_total", "Payments that a rule could not be computed for", ["rule"])
MODELS_REFUSED = Counter("fraud_models_refused_total", "Models that a process would not score with", ["stage"])
THROTTLED = Counter("fraud_api_throttled_total", "Calls refused because an API key had used up its own", ["key"])


class RecordRegistry(CollectorRegistry):
    """Collectors whose figures come from the database, and so are the same whichever process is asked.

    They raise what the database raises: who comes after the first that could not read is not asked, for each would wait
    for a connection in turn.
    """

    def collect(self) -> Iterable[Metric]:
        try:
            yield from super().collect()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("/metrics lacks figures of the record: %s", error)


FROM_RECORD = RecordRegistry()


def exposition() -> bytes:
    """All metrics for Prometheus: counted here, or by all that share PROMETHEUS_MULTIPROC_DIR, and recorded."""
    counted = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]  # the library has no types here
    return generate_latest(counted) + generate_latest(FROM_RECORD)


def observe(decisions: Sequence[RecordedDecision], *, source: str) -> None:
    """Count one batch."""
    for outcome, count in Counted(decision.outcome for decision in decisions).items():
        DECISIONS.labels(outcome, source).inc(count)
    for part, count in Counted(part for decision in decisions for part in decision.degraded).items():
        DEGRADED.labels(part).inc(count)
    observe_rule_failures(decision.rule_failures for decision in decisions)
    if decisions:
        SECONDS.observe(decisions[0].latency_ms / 1000)


def observe_rule_failures(failures: Iterable[Sequence[str]]) -> None:
    """Count the rules that could not be computed, by payment."""
    for code, count in Counted(code for codes in failures for code in codes).items():
        RULE_FAILURES.labels(code).inc(count)
