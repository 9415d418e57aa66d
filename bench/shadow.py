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

RULES, BATCHES, ROUNDS = 30, 10, 4
# Large ones of a stream, small ones of calls that share a batch.
SIZES = (500, 20)
HISTORY_DAYS, PAYMENTS = 3.0, 2 * ROUNDS * BATCHES * sum(SIZES)


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
    """Milliseconds a batch, and of them this process's: decided without and with a version in shadow, in turns."""
    from scoring.models import Outbox
    from streams.outbox import DELIVERIES, _relay_topic

    topic = Outbox.Topic.SHADOW
    times: dict[str, list[tuple[float, float]]] = {"draft": [], "shadow": [], "judged": []}
    for _ in range(ROUNDS):
        for _ in range(BATCHES):
            for status in ("draft", "shadow"):
                times[status].append(_timed(_batch(traffic, version, status, size)))
        wall, processor = _timed(lambda: _drain(topic, _relay_topic, DELIVERIES[topic]))
        times["judged"].append((wall / BATCHES, processor / BATCHES))
    # The first ones compile, connect and fill caches.
    (without, own), (shadowed, its), (judged, relay) = (
        [statistics.median(each) for each in zip(*found[1:], strict=True)] for found in times.values()
    )
    return {
        "decided_ms": round(without, 2), "of_it_processor_ms": round(own, 2),
        "with_shadow_ms": round(shadowed, 2), "of_it_processor_with_shadow_ms": round(its, 2),
        "ratio": round(shadowed / without, 3), "ratio_of_processor": round(its / own, 3),
        "judged_in_relay_ms": round(judged, 2), "of_it_processor_in_relay_ms": round(relay, 2),
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


def _batch(traffic: "Traffic", version: "Policy", status: str, size: int) -> Callable[[], object]:
    """The next payments, ready to be decided by a process that knows what is in force and in shadow."""
    from scoring.services.decisions import Arrival, Writer, decide_transactions
    from scoring.services.policy import forget_policy, policy_in_force
    from scoring.services.store import batch_store
    from scoring.transaction import decode

    _put(version, status)
    forget_policy()
    policy_in_force()
    at = datetime.now(UTC)
    arrivals = [Arrival(decode(body, received_at=at), at, "stream:bench/0") for _, body in traffic.take(size)]
    return lambda: decide_transactions(arrivals, writer=Writer("stream:bench", batch_store()))


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    began, used = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000


if __name__ == "__main__":
    main()
