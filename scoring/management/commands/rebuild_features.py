"""`manage.py rebuild_features`: make the feature store again from the record."""

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from scoring.features.live import FeatureStoreError
from scoring.services.rebuild import RebuildRunningError, rebuild_features
from scoring.services.store import batch_store

PROGRESS_SECONDS = 2.0
AGAIN = "Run the same command again to go on from there."
# What a shell reports for a program that Ctrl-C ended.
INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Drop the states of all cards, shops, devices, customers and addresses and make them again from the record. "
        "Meanwhile the stream waits and REST answers without features. An interrupted run goes on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fresh", action="store_true", help="begin anew instead of going on")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, fresh: bool, **options: Any) -> None:
        began = told = time.perf_counter()

        def progress(done: int, total: int) -> None:
            nonlocal told
            if time.perf_counter() - told >= PROGRESS_SECONDS:
                told = time.perf_counter()
                self.stderr.write(f"{done:,} of {total:,} payments", style_func=str)

        try:
            run = rebuild_features(store=batch_store(), progress=progress, is_fresh=fresh)
        except RebuildRunningError as error:
            raise CommandError("Another process rebuilds the features now.", returncode=1) from error
        except FeatureStoreError as error:
            raise CommandError(f"The feature store failed: {error}. {AGAIN}", returncode=1) from error
        except KeyboardInterrupt as error:
            raise CommandError(f"Stopped. {AGAIN}", returncode=INTERRUPTED) from error
        report = {
            "payments": run.payments,
            "frauds": run.labels,
            "unsettled_batches": len(run.pending),
            "seconds": round(time.perf_counter() - began, 1),
        }
        self.stdout.write(json.dumps(report) if options["json"] else _words(report))


def _words(report: dict[str, Any]) -> str:
    return (
        f"{report['payments']:,} payments and {report['frauds']:,} frauds were counted again in {report['seconds']} s, "
        f"and {report['unsettled_batches']:,} batches that were not settled when it began."
    )
