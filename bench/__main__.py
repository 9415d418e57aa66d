"""Run everything, print a table, write bench/results.json."""

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

from bench import rig

RESULTS = Path(__file__).with_name("results.json")
HISTORY_DAYS = 6.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--backlog", type=int, default=100_000, help="records to drain (default 100,000)")
    options = parser.parse_args()
    with rig.servers():
        # They need Django, which is set up by now.
        from bench import api, parts, stream

        rig.prepare(HISTORY_DAYS)
        limit = parts.limits()
        drained = stream.drain(options.backlog)
        slowest = min(limit.values())
        results: dict[str, Any] = {
            "machine": _machine(),
            "stream": {
                **drained,
                "limit": limit,
                "ratio_to_limit": round(drained["decisions_per_second"] / slowest, 2),
            },
            "api": api.measure(),
        }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    _print(results)


def _machine() -> dict[str, Any]:
    return {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}


def _print(results: dict[str, Any]) -> None:
    stream = results["stream"]
    print(f"\nStream, backlog of {stream['backlog']:,}: {stream['decisions_per_second']:,} decided a second,")
    print(f"  {stream['published_per_second']:,} with everything published, cases opened.")
    print(
        f"  At {stream['rate']} a second, produced to recorded: p50 {stream['p50_ms']} ms, "
        f"p95 {stream['p95_ms']} ms, p99 {stream['p99_ms']} ms."
    )
    print("  Parts alone (payments a second):", ", ".join(f"{k} {v:,}" for k, v in stream["limit"].items()))
    print(f"  Ratio to the slowest part: {stream['ratio_to_limit']}")
    for connections, row in results["api"]["connections"].items():
        print(
            f"API, {connections:>2} connections: {row['rps']} a second, p50 {row['p50_ms']} ms, "
            f"p95 {row['p95_ms']} ms, p99 {row['p99_ms']} ms, {row['errors']} errors"
        )


if __name__ == "__main__":
    main()
