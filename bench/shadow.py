"""What a version of 30 rules in shadow adds to a decision, and takes in the task worker: `python -m bench.shadow`."""

import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bench import rig

if TYPE_CHECKING:
    from bench.stream import Traffic
    from scoring.models import Policy

RULES, BATCHES, ROUNDS = 30, 8, 4
# Large ones of a stream, small ones of calls that share a batch.
SIZES = (500, 20)
HISTORY_DAYS, PAYMENTS = 4.0, 2 * ROUNDS * BATCHES * sum(SIZES)


def main() -> None:
    with rig.servers():
        from bench.stream import Traffic

        start = datetime.now(UTC) - timedelta(days=1 + PAYMENTS / (rig.WORLD["cards"] * rig.WORLD["payments_per_day"]))
        rig.prepare(start - timedelta(days=HISTORY_DAYS), HISTORY_DAYS, RULES)
        traffic, version = Traffic(start), _version()
        print(json.dumps({f"batches of {size}": _measure(traffic, version, size) for size in SIZES}, indent=2))  # noqa: T201


def _version() -> "Policy":
    from bench.rules import rules
    from scoring.models import Policy
    from scoring.services.policy import next_version, write_parts

    version = Policy.objects.create(version=next_version(), review_threshold=0.4, decline_threshold=0.8, note="bench")
    write_parts(version, rules=rules(RULES), bands=(), lists={"block": "decline", "allow": "approve"})
    return version


def _measure(traffic: "Traffic", version: "Policy", size: int) -> dict[str, float]:
    """Milliseconds a batch: decided without and with the version in shadow, in turns; and judged by the relay."""
    from scoring.models import Outbox
    from scoring.services.policy import forget_policy
    from streams.outbox import DELIVERIES, _relay_topic

    decided: dict[str, list[float]] = {"draft": [], "shadow": []}
    judged = []
    for _ in range(ROUNDS):
        for status, times in decided.items():
            _put(version, status)
            forget_policy()
            times += _deciding_ms(traffic, size)
        topic = Outbox.Topic.SHADOW
        judged.append(_ms(lambda topic=topic: _drain(topic, _relay_topic, DELIVERIES[topic])) / BATCHES)  # type: ignore[misc]
    without, shadowed = (statistics.median(times) for times in decided.values())
    return {
        "decided_ms": round(without, 2), "decided_with_shadow_ms": round(shadowed, 2),
        "ratio": round(shadowed / without, 3),
        "ratio_of_quickest": round(min(decided["shadow"]) / min(decided["draft"]), 3),
        "judged_in_relay_ms": round(statistics.median(judged), 2),
    }  # fmt: skip


def _drain(topic: str, relay: Callable[..., int], deliver: Callable[..., object]) -> None:
    while relay(topic, deliver):
        pass


def _put(version: "Policy", status: str) -> None:
    """Back to a draft, which nobody but a bench may do."""
    from django.db import connection
    from django.utils.timezone import now

    from scoring.models import Policy

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        Policy.objects.filter(id=version.id).update(status=status, shadow_since=now())
        cursor.execute("SET session_replication_role = origin")


def _deciding_ms(traffic: "Traffic", size: int) -> list[float]:
    from scoring.services.decisions import Arrival, Writer, decide_transactions
    from scoring.services.store import batch_store
    from scoring.transaction import decode

    writer, times = Writer("stream:bench", batch_store()), []
    for _ in range(BATCHES):
        at = datetime.now(UTC)
        arrivals = [Arrival(decode(body, received_at=at), at, "stream:bench/0") for _, body in traffic.take(size)]
        times.append(_ms(lambda arrivals=arrivals: decide_transactions(arrivals, writer=writer)))  # type: ignore[misc]
    # The first compiles the policy.
    return times[1:]


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
