"""Run everything, print a table, write bench/results.json."""

import argparse
import json
import os
import platform
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import rig

RESULTS = Path(__file__).with_name("results.json")
HISTORY_DAYS = 5.0
RULES = 30
WARM_UP = 2_000
_FEED_PHASES = (("alone", "alone"), ("with sockets", "with_sockets"), ("with a browser too", "with_browser"))
PAYMENTS_A_DAY = rig.WORLD["cards"] * rig.WORLD["payments_per_day"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--backlog", type=int, default=200_000, help="records to drain (default 200,000)")
    parser.add_argument("--workers", type=int, default=2, help="stream workers (default 2)")
    parser.add_argument("--only-stream", action="store_true", help="leave growth, API and console out, write no file")
    options = parser.parse_args()
    with rig.servers():
        # They need Django, which is set up by now.
        from bench import api, backtest, console, feed, growth, learning, parts, policy, stream
        from scoring.ml.training import TREES

        shares = (parts, policy, growth, api, feed)
        payments = options.backlog + WARM_UP + stream.STEADY_TOTAL + sum(share.TOTAL for share in shares)
        start = datetime.now(UTC) - timedelta(days=1 + payments / PAYMENTS_A_DAY)
        rig.prepare(start - timedelta(days=HISTORY_DAYS), HISTORY_DAYS, RULES)
        traffic = stream.Traffic(start)
        limit = parts.limits(traffic, RULES)
        ruled = policy.measure(traffic)
        with stream.running(options.workers, traffic.take(WARM_UP)) as db:
            drained = stream.drain_to_end(db, traffic.take(options.backlog))
            alerts = stream.flagged_share(db)
            waits = stream.latency(traffic.take(stream.STEADY_TOTAL))
            growing = {} if options.only_stream else growth.measure(db, traffic, RULES)
            watched = {} if options.only_stream else feed.measure(traffic)
        slowest = min(limit.values())
        results: dict[str, Any] = {
            "machine": _machine(),
            "stream": {
                "backlog": options.backlog,
                "workers": options.workers,
                "rules": RULES,
                "trees": TREES,
                "flagged_share": alerts,
                **drained,
                **waits,
                "limit": limit,
                "ratio_to_limit": round(drained["decisions_per_second"] / slowest, 2),
                "growth": growing,
            },
            "policy": ruled,
            "memory": {"bytes_per_entity": growth.bytes_per_entity()},
        }
        if not options.only_stream:
            results["feed"] = watched
            results["api"] = api.measure(traffic)
            results["backtest"] = backtest.measure()
            results["learning"] = learning.measure()
            results |= console.measure()
    _print(results)
    if not options.only_stream:
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")


def _machine() -> dict[str, Any]:
    return {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}


def _print(results: dict[str, Any]) -> None:
    stream = results["stream"]
    print(
        f"\nStream, backlog of {stream['backlog']:,}, {stream['workers']} workers: "
        f"{stream['decisions_per_second']:,} decided a second, {stream['flagged_share']:.1%} of them flagged,"
    )
    print(f"  {stream['published_per_second']:,} with everything published, cases opened.")
    print(
        f"  At {stream['rate']:,} a second, produced to decision published: p50 {stream['p50_ms']} ms, "
        f"p95 {stream['p95_ms']} ms, p99 {stream['p99_ms']} ms."
    )
    used = ", ".join(f"{role} {us}" for role, us in stream["processor_us_per_payment"].items())
    print(f"  Processor time a payment (us): {used}")
    print("  Parts alone (payments a second):", ", ".join(f"{k} {v:,}" for k, v in stream["limit"].items()))
    print(f"  Ratio to the slowest part: {stream['ratio_to_limit']}")
    for setting, rate in stream["growth"].items():
        print(f"  With {setting.replace('_', ' ')}: {rate:,} decided a second")
    print("Bytes in Valkey:", ", ".join(f"{k} {v:,}" for k, v in results["memory"]["bytes_per_entity"].items()))
    for connections, row in results.get("api", {}).get("connections", {}).items():
        print(
            f"API, {connections:>2} connections: {row['rps']} a second, p50 {row['p50_ms']} ms, "
            f"p95 {row['p95_ms']} ms, p99 {row['p99_ms']} ms, {row['errors']} errors"
        )
    if feed := results.get("feed"):
        phases = [f"{name} {feed[f'scoring_{key}']['p95_ms']} ms" for name, key in _FEED_PHASES]
        seen = feed["produced_to_seen"]
        print(
            f"Live feed, {feed['sockets']} browsers, {feed['flagged_per_second']} flagged a second: produced to seen "
            f"p50 {seen['p50_ms']} ms, p95 {seen['p95_ms']} ms, p99 {seen['p99_ms']} ms"
        )
        print(f"  Produced to published, p95: {', '.join(phases)}")
    for what, row in (("judged", "judged_ms"), ("decided", "decided_ms")):
        took = ", ".join(f"{count} rules {ms} ms" for count, ms in results["policy"][row].items())
        print(f"A batch of {results['policy']['batch']} {what}: {took}")
    if tried := results.get("backtest"):
        print(
            f"Backtest of {tried['rows']:,} decisions, {tried['rules']} rules: {tried['seconds']} s, "
            f"{tried['peak_mb']} MB"
        )
    _print_learning(results.get("learning", {}))
    for name, row in results.get("pages", {}).items():
        print(
            f"Console server, {name} page: p50 {row['p50_ms']} ms, p95 {row['p95_ms']} ms, p99 {row['p99_ms']} ms, "
            f"{row['queries']} queries"
        )


def _print_learning(learnt: dict[str, Any]) -> None:
    for name in ("dataset", "training"):
        if row := learnt.get(name):
            print(f"{name.capitalize()} of {learnt['rows']:,} decisions: {row['seconds']} s, {row['peak_mb']} MB")


if __name__ == "__main__":
    main()
