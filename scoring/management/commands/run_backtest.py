"""`manage.py run_backtest ID ATTEMPT`: what the task worker starts for a backtest it has claimed; nobody else needs it.

A process of its own: its arrays would hold the interpreter's lock against the effects of payments. It is nice to
others, and ends when its standard input does, that is, however its parent ends.
"""

import gc
import logging
import os
import sys
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.timezone import now

from scoring.services.backtests import run_backtest

NICENESS = 10
COLLECT_AFTER = 1_000_000


class Command(BaseCommand):
    help = "Run a backtest that the task worker has claimed (see `manage.py backtest` for one of your own)."
    # Each takes seconds, and the parent has done them.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("backtest_id", type=int)
        parser.add_argument("attempt", type=int)

    def handle(self, *, backtest_id: int, attempt: int, **options: Any) -> None:
        os.nice(NICENESS)
        threading.Thread(target=_end_with_input, name="end-with-parent", daemon=True).start()
        # A chunk is a hundred thousand objects, none of them in a cycle, which the collector would look through.
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER)
        # A rule that fails for each of a million payments is counted, not told a million times.
        logging.getLogger("scoring.rules.evaluation").setLevel(logging.CRITICAL)
        run_backtest(backtest_id, attempt, clock=now)


def _end_with_input() -> None:
    """Leave at once: nothing is half written, and who claims the run next begins it again."""
    # Not `sys.stdin`, whose lock the interpreter wants when it ends.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(1)
