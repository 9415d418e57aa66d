"""`replay`: read any part of the log again; what was decided stays, what is missing is decided now."""

import json
from contextlib import closing
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from scoring.features.live import FeatureStoreError
from scoring.services.policy import NoPolicyError, live_policy
from scoring.services.store import batch_store
from streams.connect import connect_source
from streams.ledger.log import Span, recorded_stretches
from streams.ledger.report import printable
from streams.management.terminal import INTERRUPTED, moment, seldom
from streams.replay import Replayed, replay
from streams.source import TRANSACTIONS, StreamError


class Command(BaseCommand):
    help = (
        "Read a part of the log again, as far as it was handled. Decisions stay as they are; a payment that has none "
        "is decided now. Exit code 1: something was missing or in conflict."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--stream", choices=[TRANSACTIONS], default=TRANSACTIONS)
        parser.add_argument("--partition", metavar="P", help="only this one")
        parser.add_argument(
            "--from", type=int, dest="first", metavar="POSITION", help="first position, with --partition"
        )
        parser.add_argument("--to", type=int, dest="last", metavar="POSITION", help="last position, with --partition")
        parser.add_argument("--since", type=moment, metavar="TIME", help="records the broker got then or later")
        parser.add_argument("--until", type=moment, metavar="TIME", help="records the broker got then or before")
        parser.add_argument("--dry-run", action="store_true", help="look and change nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, stream: str, dry_run: bool, **options: Any) -> None:
        if options["partition"] is None and (options["first"], options["last"]) != (None, None):
            raise CommandError("--from and --to are positions in one partition: add --partition.", returncode=2)
        try:
            if not dry_run:
                live_policy()
            replayed = self._replay(stream, dry_run, options)
        except NoPolicyError as error:
            raise CommandError(str(error), returncode=2) from error
        except KeyboardInterrupt as error:
            raise CommandError("Stopped. Run the same command again to go on.", returncode=INTERRUPTED) from error
        except (StreamError, FeatureStoreError, OperationalError) as error:
            raise CommandError(f"{error}. What was read until then is handled; run the command again.") from error
        report = replayed.as_json() | {"dry_run": dry_run}
        self.stdout.write(json.dumps(report) if options["json"] else _words(report))
        if replayed.has_holes:
            raise CommandError("The record had holes." if dry_run else "The record had holes; they are mended.")

    def _replay(self, stream: str, dry_run: bool, options: dict[str, Any]) -> Replayed:
        tell = seldom(self.stderr)
        span = Span(options["since"], options["until"])
        with closing(connect_source(stream)) as source:
            if options["partition"] not in {None, *(partition.name for partition in source.partitions())}:
                raise CommandError(f"There is no partition {options['partition']}.", returncode=2)
            stretches = recorded_stretches(
                source,
                stream,
                span,
                partition=options["partition"],
                first=options["first"] or 0,
                last=options["last"],
            )
            return replay(
                source,
                stretches,
                span,
                store=None if dry_run else batch_store(),
                tell=lambda replayed: tell(f"{replayed.fates.total():,} records"),
            )


def _words(report: dict[str, Any]) -> str:
    now, letters = ("missing", "without one") if report["dry_run"] else ("decided now", "written now")
    line = (
        f"{report['read']:,} records: {report['decided_before']:,} decided before, {report['missing']:,} {now}, "
        f"{report['dead_letters_before']:,} dead letters, {report['conflicts'] + report['invalid']:,} {letters}."
    )
    unread = [f"Not read: {words}." for words in report["unread"]]
    return "\n".join([line, *unread, *(printable(hole) for hole in report["holes"])])
