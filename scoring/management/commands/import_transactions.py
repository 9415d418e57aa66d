"""`manage.py import_transactions`: payments and labels of one's own, from a file."""

import json
import signal
import time
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError
from django.utils.timezone import now

from scoring.features.live import FeatureStoreError
from scoring.importing.formats import UnreadableFileError
from scoring.importing.ledger import LabelsAppliedElsewhereError
from scoring.importing.mapping import FileMapping, MappingError, load_mapping
from scoring.importing.rejects import rejects_file
from scoring.importing.service import (
    Counts,
    ImportRunningError,
    ImportStoppedError,
    NothingValidError,
    Options,
    check_file,
    import_file,
)
from scoring.services.policy import NoPolicyError, live_policy
from scoring.services.store import batch_store

BATCH_SIZE = 2_000
MAX_BATCH_SIZE = 50_000
PROGRESS_SECONDS = 2.0
AGAIN = "Finished batches are stored; run the same command again to go on."
# What a shell reports for a program that Ctrl-C ended.
INTERRUPTED = 130


def batch_size(value: str) -> int:
    """A number of rows."""
    if not value.isdecimal() or not 1 <= int(value) <= MAX_BATCH_SIZE:
        raise ArgumentTypeError(f"{value!r} is not a number from 1 to {MAX_BATCH_SIZE}")
    return int(value)


class Command(BaseCommand):
    help = "Decide the payments of a file in their order and record their labels. Running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help=".csv, .jsonl (also .gz, .zst) or .parquet")
        parser.add_argument("--mapping", type=Path, required=True, metavar="MAPPING.toml", help="see docs/importing.md")
        parser.add_argument("--rejects", type=Path, metavar="FILE", help="default: FILE.rejects.jsonl, in this folder")
        parser.add_argument("--batch-size", type=batch_size, default=BATCH_SIZE, metavar="N", help="rows at a time")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, file: Path, mapping: Path, rejects: Path | None, batch_size: int, **options: Any) -> None:
        started = time.perf_counter()
        rejects = rejects or Path(f"{file.name}.rejects.jsonl")
        if rejects.absolute() == file.absolute():
            raise CommandError("--rejects must not be the file itself.", returncode=2)
        with _faults_in_words(rejects):
            live_policy()
            read = load_mapping(mapping)
            check_file(file, read)
            counts = self._import(file, read, rejects, batch_size)
        report = asdict(counts) | {
            "seconds": round(time.perf_counter() - started, 1),
            "rejects_file": str(rejects) if counts.rejected else None,
        }
        self.stdout.write(json.dumps(report) if options["json"] else _words(report))

    def _import(self, file: Path, mapping: FileMapping, rejects: Path, batch_size: int) -> Counts:
        tell = _seldom(lambda words: self.stderr.write(words, style_func=str))
        started = time.perf_counter()

        def progress(counts: Counts) -> None:
            rate = counts.rows / (time.perf_counter() - started)
            tell(
                f"{counts.rows:,} rows, {rate:,.0f}/s: {counts.new:,} new, {counts.already_here:,} already here, "
                f"{counts.rejected:,} rejected"
            )

        def restoring(done: int, total: int) -> None:
            tell(f"Making the features again from the record: {done:,} of {total:,} payments")

        with rejects_file(rejects) as refused, _stop_asked() as is_stopped:
            options = Options(batch_store(), now(), batch_size, progress, restoring, is_stopped)
            return import_file(file, mapping, rejects=refused, options=options)


def _seldom(write: Callable[[str], object]) -> Callable[[str], None]:
    """Write at most every PROGRESS_SECONDS."""
    told = time.perf_counter()

    def tell(words: str) -> None:
        nonlocal told
        if time.perf_counter() - told >= PROGRESS_SECONDS:
            told = time.perf_counter()
            write(words)

    return tell


@contextmanager
def _stop_asked() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C and a stop from outside end the import after the batch at hand; a second one ends it at once."""
    asked = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _faults_in_words(rejects: Path) -> Iterator[None]:
    try:
        yield
    except (MappingError, UnreadableFileError, NoPolicyError) as error:
        raise CommandError(str(error), returncode=2) from error
    except NothingValidError as error:
        said = f"Every one of the first rows was rejected, so nothing was imported; is the mapping right? {error}"
        raise CommandError(f"{said} ({rejects} has them all)", returncode=2) from error
    except ImportRunningError as error:
        raise CommandError("This file is being imported by another process.", returncode=2) from error
    except LabelsAppliedElsewhereError as error:
        raise CommandError(f"Another process applied labels of this file. {AGAIN}", returncode=2) from error
    except (ImportStoppedError, KeyboardInterrupt) as error:
        raise CommandError(f"Stopped. {AGAIN}", returncode=INTERRUPTED) from error
    except (FeatureStoreError, OperationalError, OSError) as error:
        raise CommandError(f"{_failure(error, rejects)} {AGAIN}", returncode=2) from error


def _failure(error: Exception, rejects: Path) -> str:
    if isinstance(error, FeatureStoreError):
        return f"The feature store failed: {error}."
    if isinstance(error, OSError):
        return f"{rejects} cannot be written: {error.strerror or error}."
    if isinstance(error.__cause__, psycopg.errors.DiskFull):
        return "The database has no space left on its disk."
    return f"The database failed: {str(error).strip().splitlines()[0]}."


def _words(report: dict[str, Any]) -> str:
    line = (
        f"{report['rows']:,} rows in {report['seconds']:,} s: {report['new']:,} new, "
        f"{report['already_here']:,} already here, {report['rejected']:,} rejected, "
        f"{report['labels_new']:,} new labels."
    )
    return f"{line}\nRejected rows, with reasons: {report['rejects_file']}" if report["rejects_file"] else line
