"""`manage.py backtest VERSION`: try a policy version over recorded payments, here and now."""

import argparse
import json
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from scoring.management.commands.train_model import day_count, moment
from scoring.models import Backtest, Policy
from scoring.services.backtests import (
    EARLIEST,
    BacktestRefusedError,
    BacktestRequest,
    abandon_backtest,
    begin_backtest,
    cancel_backtest,
    run_backtest,
)
from scoring.services.policy import NoPolicyError

DEFAULT_DAYS = timedelta(days=30)
DEFAULT_CAPACITY = 300
# What a shell reports for a program that Ctrl-C ended.
INTERRUPTED = 130


def whole_number(value: str) -> int:
    """0 or more."""
    if not value.isdecimal() or int(value) > 10_000_000:
        raise argparse.ArgumentTypeError(f"{value!r} is not a number from 0 to 10,000,000")
    return int(value)


class Command(BaseCommand):
    help = "Try a policy version over recorded payments, beside the one in force; kept as one asked for in the console."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("version", type=whole_number)
        parser.add_argument("--since", type=moment, metavar="TIME", help="default: 30 days before --until")
        parser.add_argument("--until", type=moment, metavar="TIME", help="not included; default: now")
        parser.add_argument("--model", default="", metavar="VERSION", help="its scores; default: the recorded ones")
        parser.add_argument("--labels-as-of", type=moment, metavar="TIME", help="default: now")
        parser.add_argument("--maturity-days", type=day_count, default=settings.LABEL_MATURITY_DAYS, metavar="N")
        parser.add_argument(
            "--capacity",
            type=whole_number,
            default=settings.REVIEWS_A_DAY or DEFAULT_CAPACITY,
            metavar="N",
            help=f"alerts you can review a day; default: REVIEWS_A_DAY, else {DEFAULT_CAPACITY}",
        )
        parser.add_argument("--json", action="store_true", help="print the result as one JSON object")

    def handle(self, *, version: int, **options: Any) -> None:
        backtest = self._asked(version, at=now(), **options)
        try:
            run_backtest(backtest.id, backtest.attempts, clock=now)
        except KeyboardInterrupt as error:
            cancel_backtest(backtest.id, by=None, at=now())
            abandon_backtest(backtest.id, backtest.attempts, words="It was interrupted", at=now())
            raise CommandError("Cancelled.", returncode=INTERRUPTED) from error
        backtest.refresh_from_db()
        if backtest.result is None:
            raise CommandError(backtest.error or f"It was {backtest.status}.", returncode=1)
        self.stdout.write(json.dumps(backtest.result) if options["json"] else _words(backtest))

    def _asked(
        self, version: int, *, at: datetime, since: datetime | None, until: datetime | None, **options: Any
    ) -> Backtest:
        policy = Policy.objects.filter(version=version).first()
        if policy is None:
            raise CommandError(f"There is no policy version {version}.", returncode=2)
        until = max(until or at, EARLIEST)
        wanted = BacktestRequest(
            policy=policy,
            since=since or until - DEFAULT_DAYS,
            until=until,
            labels_as_of=options["labels_as_of"] or at,
            maturity_days=options["maturity_days"],
            capacity=options["capacity"],
            model_version=options["model"],
        )
        try:
            return begin_backtest(wanted, at=at)
        except (BacktestRefusedError, NoPolicyError) as error:
            raise CommandError(str(error), returncode=2) from error


def _words(backtest: Backtest) -> str:
    result = backtest.result
    assert result is not None
    alerts = result["alerts"]
    lines = [
        f"Backtest {backtest.id}: version {result['policy']} beside version {result['baseline']}, "
        f"{result['judged']:,} payments judged, {sum(result['left_out'].values()):,} left out."
    ]
    for one in result["currencies"]:
        draft, baseline = one["draft"], one["baseline"]
        lines.append(
            f"{one['currency']}: frauds stopped {baseline['frauds_caught']:,} -> {draft['frauds_caught']:,}, money "
            f"{baseline['money_stopped']} -> {draft['money_stopped']}, legitimate stopped "
            f"{baseline['false_positives']:,} -> {draft['false_positives']:,}."
        )
    lines.append(
        f"Alerts a day {alerts['baseline']['a_day']:,} -> {alerts['draft']['a_day']:,}, over {alerts['capacity']:,} on "
        f"{alerts['draft']['days_over']:,} of {alerts['days']:,} days."
    )
    return "\n".join(lines)
