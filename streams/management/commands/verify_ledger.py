"""`verify_ledger`: check the invariants of delivery over any time."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from streams.ledger.check import check_ledger
from streams.ledger.log import Span
from streams.ledger.report import in_words, is_broken
from streams.management.terminal import INTERRUPTED, moment, positive, seldom

SAMPLE = 1_000


class Command(BaseCommand):
    help = (
        "Check that nothing was lost and nothing happened twice: decisions, effects, dead letters, features, log. "
        "Changes nothing. Exit code 1: an invariant is broken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=moment, metavar="TIME", help="decisions and records of then or later")
        parser.add_argument("--until", type=moment, metavar="TIME", help="decisions and records of then or before")
        parser.add_argument(
            "--sample", type=positive, default=SAMPLE, metavar="N", help=f"features of N cards, shops...; {SAMPLE}"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        try:
            span = Span(options["since"], options["until"])
            checks = check_ledger(span, sample=options["sample"], tell=seldom(self.stderr))
        except KeyboardInterrupt as error:
            raise CommandError("Stopped; nothing was changed.", returncode=INTERRUPTED) from error
        except OperationalError as error:
            raise CommandError(f"The database failed: {error}", returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps([check.as_json() for check in checks]))
        else:
            self.stdout.write(in_words(checks))
        if is_broken(checks):
            raise CommandError("The ledger is broken.")
