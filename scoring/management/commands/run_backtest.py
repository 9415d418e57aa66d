"""`manage.py run_backtest ID ATTEMPT`: what the task worker starts for a backtest it has claimed; nobody else needs it.

A process of its own: its arrays would hold the interpreter's lock against the effects of payments.
"""

import logging
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.timezone import now

from scoring.management.quiet import be_quiet
from scoring.services.backtests import run_backtest


class Command(BaseCommand):
    help = "Run a backtest that the task worker has claimed (see `manage.py backtest` for one of your own)."
    # Each takes seconds, and the parent has done them.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("backtest_id", type=int)
        parser.add_argument("attempt", type=int)

    def handle(self, *, backtest_id: int, attempt: int, **options: Any) -> None:
        be_quiet()
        # A rule that fails for each of a million payments is counted, not told a million times.
        logging.getLogger("scoring.rules.evaluation").setLevel(logging.CRITICAL)
        run_backtest(backtest_id, attempt, clock=now)
