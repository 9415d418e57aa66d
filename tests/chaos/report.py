"""`docs/reliability.md`: what the long experiments found, as a table."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.counting import Outcome
from tests.chaos.processes import BASE_DIR

REPORT = BASE_DIR / "docs" / "reliability.md"
_HEAD = """\
# Reliability: fault experiments

What happens to payments when parts are killed, emptied, slowed down or fed with rubbish. Written by `make chaos`
on {date}, {machine}; by hand nothing is changed here.

Each experiment runs the product's own processes (stream workers, relay, web) on servers of its own: PostgreSQL and
Valkey that write through to disk as in production, one Valkey for the stream and one for the features. It does its
damage, waits until nothing is left to do, and then counts:

- **lost**: valid payments without a decision, decisions that were not published on `decisions`, flagged ones without
  alert or feed entry, invalid records without a dead letter;
- **twice**: ids with two decisions or published with two contents, decisions with two alerts, records with two letters;
- **wrong**: stored vectors and live states that differ from those that replaying the record gives
  (`scoring/features/offline.py`; counts exactly, other numbers within a millionth). Where several workers or calls
  share shops and devices, of vectors only what a card's own payments make is compared; states always whole;
- **ledger**: what `manage.py verify_ledger` says of invariants A to F.

Where payments are authorised by many callers at once, or while PostgreSQL is away, the time-outs are those the product
ships with, and what the callers were told counts as well: each decision they got is compared with the stored one, field
by field (lost where there is none, wrong where it differs); an id is new to one call only (twice); other content under
an id is refused, and the same never is. Who is refused for now hears so within two seconds, with Retry-After. A process
decides again at most five seconds after PostgreSQL answers again, and at most twelve where only new connections are
answered and those of before stay silent for ever, their packets acknowledged or not.

| experiment | what was done | lost | twice | wrong | ledger | seconds |
|---|---|---|---|---|---|---|
"""
_FOOT = """
The same with fewer records is part of `make test` (`tests/streams/test_faults.py`). One experiment alone:
`.venv/bin/python -m tests.chaos --short kills`; their names stand in `tests/chaos/experiments.py`. The chance in them
is seeded; at which instruction a process dies is not, so no two runs are alike.
"""


def write_report(outcomes: Sequence[Outcome]) -> None:
    """Write the table, and below it what is not as it must be."""
    head = _HEAD.format(date=f"{datetime.now(UTC):%Y-%m-%d}", machine=_machine())
    faults = [f"- {one.name}: {_in_one_line(words)}\n" for one in outcomes for words in one.examples[:3]]
    found = ["\nWhat is not as it must be:\n\n", *faults] if faults else []
    REPORT.write_text(head + "".join(map(_row, outcomes)) + "".join(found) + _FOOT)


def _row(outcome: Outcome) -> str:
    done = ", ".join(f"{name} {number:,}" for name, number in outcome.done.items())
    cells = [
        outcome.name, done, f"{outcome.lost:,}", f"{outcome.twice:,}", f"{outcome.wrong:,}", outcome.ledger,
        f"{outcome.seconds:.0f}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def _in_one_line(words: str) -> str:
    return " ".join(words.split())[:240]


def _machine() -> str:
    names = [line.partition(":")[2].strip() for line in _processors() if line.startswith("model name")]
    return f"{os.cpu_count()} processors ({names[0] if names else platform.processor()}), {platform.system()}"


def _processors() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text().splitlines() if file.exists() else []
