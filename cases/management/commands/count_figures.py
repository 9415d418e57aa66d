"""`manage.py count_figures`: count the figures of dashboard and thresholds; without an option only what has changed."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from cases.services import figures, score_figures


class Command(BaseCommand):
    help = (
        "Count the dashboard's figures where payments, labels or cases have changed. Safe to repeat and to interrupt."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="count everything again, after a restore for example")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["all"]:
            figures.forget_progress()
        refreshed = figures.refresh_figures(now=now())
        if refreshed is None:
            raise CommandError("Another process counts the figures now; try again in a minute.", returncode=1)
        days = score_figures.count_scores(now=now(), again_after=timedelta(0))
        self.stdout.write(f"Counted the scores of {days or 0:,} days.")
        self.stdout.write(f"Counted {refreshed.hours:,} hours of payments and {refreshed.days:,} days of case work.")
