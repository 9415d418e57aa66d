"""`python -m bench.settling`: an outage of the feature store made up for, payments a second.

Calls of one payment each are decided without features; then they are counted, and scored again.
"""

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import redis

from bench import rig

HISTORY_DAYS = 2.0
RULES = 30


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.settling", description=__doc__)
    parser.add_argument("--payments", type=int, default=5_000, help="calls of the outage (default 5,000)")
    options = parser.parse_args()
    with rig.servers():
        # They need Django, which is set up by now.
        from bench.stream import Traffic

        start = datetime.now(UTC) - timedelta(days=1)
        rig.prepare(start - timedelta(days=HISTORY_DAYS), HISTORY_DAYS, RULES)
        _decide_without_features([body for _, body in Traffic(start).take(options.payments)])
        for what, figures in _measure(options.payments).items():
            print(what, ", ".join(f"{name} {value:,}" for name, value in figures.items()))


def _decide_without_features(bodies: list[bytes]) -> None:
    from scoring.features.live import MemoryStore
    from scoring.services.decisions import Arrival, Writer, decide_transactions
    from scoring.transaction import decode

    writer = Writer("api", MemoryStore(generations=[]), is_patient=False)
    for body in bodies:
        received_at = datetime.now(UTC)
        arrival = Arrival(decode(body, received_at=received_at), received_at, "api")
        decide_transactions([arrival], writer=writer)


def _measure(payments: int) -> dict[str, dict[str, float]]:
    from django.conf import settings

    from scoring.models import Rescoring
    from scoring.services.features import SETTLE_AFTER, settle_features
    from scoring.services.store import batch_store

    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        valkey.config_set("slowlog-log-slower-than", 0)
        valkey.config_set("slowlog-max-len", 100_000)
        valkey.slowlog_reset()
        counted = _timed(lambda: settle_features("", store=batch_store(), older_than=SETTLE_AFTER), payments)
        counted["longest answer of Valkey in ms"] = _longest_ms(valkey)
    scored = _timed(_score_all, payments)
    assert Rescoring.objects.count() == payments
    return {"counted:": counted, "scored again:": scored}


def _score_all() -> None:
    from scoring.services.rescoring import rescore_due

    while rescore_due(at=datetime.now(UTC)):
        pass


def _timed(work: Callable[[], object], payments: int) -> dict[str, float]:
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    return {"payments a second": round(payments / seconds), "seconds": round(seconds, 1)}


def _longest_ms(valkey: Any) -> float:
    """How long others had to wait for the longest of its commands."""
    longest: int = max(entry["duration"] for entry in valkey.slowlog_get(100_000))
    return round(longest / 1000, 1)


if __name__ == "__main__":
    main()
