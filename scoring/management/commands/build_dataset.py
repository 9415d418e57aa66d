"""`manage.py build_dataset FOLDER`: recorded payments and their labels, point in time, as Parquet with a manifest."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from scoring.management.commands.train_model import day_count, moment, past_moment
from scoring.ml.splits import SplitError
from scoring.services.dataset_files import DatasetRequest, build_dataset
from scoring.services.new_folder import FolderError
from scoring.services.trainings import usual_start


class Command(BaseCommand):
    help = (
        "Write recorded payments, as they were seen when they were decided, with the labels known at a time: train, "
        "validation and test by time. The same command on the same record writes the same bytes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="must not exist yet")
        parser.add_argument("--from", dest="start", type=moment, metavar="DATE", help="default: 90 days before --to")
        parser.add_argument(
            "--to", dest="end", type=moment, metavar="DATE", help="not included; default: --labels-as-of less maturity"
        )
        parser.add_argument(
            "--labels-as-of", type=past_moment, metavar="DATETIME",
            help="default: now; name it to write the same bytes again",
        )  # fmt: skip
        parser.add_argument(
            "--maturity-days", type=day_count, default=settings.LABEL_MATURITY_DAYS, metavar="N",
            help="age from which no label means legitimate; default: LABEL_MATURITY_DAYS",
        )  # fmt: skip
        parser.add_argument("--validation-days", type=day_count, default=7, metavar="N", help="0 for none; default 7")
        parser.add_argument("--test-days", type=day_count, default=7, metavar="N", help="0 for none; default 7")
        parser.add_argument(
            "--delay-days", type=day_count, default=7, metavar="N",
            help="left out before validation and test, as labels come late; default 7",
        )  # fmt: skip
        parser.add_argument(
            "--legitimate-share", type=float, default=1.0, metavar="SHARE",
            help="of the legitimate payments to train on, how many are kept (0-1; each then weighs 1 / SHARE)",
        )  # fmt: skip

    def handle(self, *, folder: Path, **options: Any) -> None:
        wanted = _wanted(**options)
        self._tell_young(wanted)
        try:
            manifest = build_dataset(wanted, folder, progress=self._progress)
        except SplitError as error:
            raise CommandError(str(error), returncode=2) from error
        except FolderError as error:
            raise CommandError(str(error), returncode=1) from error
        self.stdout.write(json.dumps({"folder": str(folder), "splits": manifest["splits"]}))

    def _tell_young(self, wanted: DatasetRequest) -> None:
        """Of young payments only the labelled ones are written: who measures on them must know."""
        young_from = max(wanted.start, wanted.labels_as_of - wanted.maturity)
        if young_from < wanted.end:
            self._progress(
                f"Warning: payments from {young_from:%Y-%m-%d %H:%M} on are not {wanted.maturity.days} days old at "
                "--labels-as-of. Those without a label are left out, so frauds are far too frequent among the others. "
                "End earlier (--to), or name a later --labels-as-of."
            )

    def _progress(self, line: str) -> None:
        self.stderr.write(line, style_func=str)


def _wanted(
    *,
    start: datetime | None,
    end: datetime | None,
    labels_as_of: datetime | None,
    maturity_days: int,
    legitimate_share: float,
    **days: Any,
) -> DatasetRequest:
    as_of, maturity = labels_as_of or now(), timedelta(days=maturity_days)
    end = end or as_of - maturity
    start = start or usual_start(end)
    if start >= end:
        raise CommandError(f"--from {start:%Y-%m-%d %H:%M} is not before --to {end:%Y-%m-%d %H:%M}.", returncode=2)
    if end > as_of:
        raise CommandError(f"--to {end:%Y-%m-%d %H:%M} is after --labels-as-of {as_of:%Y-%m-%d %H:%M}.", returncode=2)
    if not 0.0 < legitimate_share <= 1.0:
        raise CommandError(f"--legitimate-share {legitimate_share:g} must be above 0 and at most 1.", returncode=2)
    return DatasetRequest(
        start=start,
        end=end,
        labels_as_of=as_of,
        maturity=maturity,
        validation=timedelta(days=days["validation_days"]),
        test=timedelta(days=days["test_days"]),
        delay=timedelta(days=days["delay_days"]),
        legitimate_share=legitimate_share,
    )
