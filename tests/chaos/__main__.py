"""`python -m tests.chaos [--short] [names]`: run fault experiments; all the long ones write `docs/reliability.md`."""

import argparse
import json
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.world import World

if TYPE_CHECKING:
    from tests.chaos.counting import Outcome


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these experiments")
    parser.add_argument("--short", action="store_true", help="fewer records")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found to this file")
    options = parser.parse_args()
    # Whoever ends us wants the servers ended too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    with World() as world:
        outcomes = []
        for name, outcome in _run(world, options.names, is_short=options.short):
            outcomes.append((name, outcome))
            sys.stderr.write(f"{json.dumps(asdict(outcome), indent=1)}\n")
            if options.json:
                options.json.write_text(json.dumps({name: asdict(one) for name, one in outcomes}))
    if not options.short and not options.names:
        from tests.chaos.report import write_report

        write_report([one for _, one in outcomes])
    return 0 if all(one.is_good for _, one in outcomes) else 1


def _run(world: World, names: list[str], *, is_short: bool) -> "Iterator[tuple[str, Outcome]]":
    """Experiments one after the other; what goes wrong in one is no reason not to try the next."""
    from tests.chaos.counting import Outcome
    from tests.chaos.experiments import EXPERIMENTS, LEAVES_RUBBISH, LONG_ONLY

    is_clean = True
    for name in names or [name for name in EXPERIMENTS if not (is_short and name in LONG_ONLY)]:
        began = time.monotonic()
        try:
            world.begin(is_fresh=not (is_short and is_clean))
            outcome = EXPERIMENTS[name](world, is_short=is_short)
        except Exception:
            outcome = Outcome(name, ledger="not reached", examples=[traceback.format_exc()])
        outcome.seconds = round(time.monotonic() - began, 1)
        is_clean = outcome.is_good and name not in LEAVES_RUBBISH
        yield name, outcome


if __name__ == "__main__":
    sys.exit(main())
