"""`manage.py train_model`: train on recorded decisions, point in time, and keep the model."""

import argparse
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from scoring.ml.training import Budget, Step
from scoring.models import ModelVersion
from scoring.services import models
from scoring.services.models import TrainingImpossibleError, TrainingPeriod
from scoring.services.trainings import MOST_TRIALS, usual_start


def moment(value: str) -> datetime:
    """A date (its midnight) or a date and time; UTC where no offset is given."""
    try:
        given = datetime.fromisoformat(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{value!r} is not a date like 2026-01-31 or 2026-01-31T12:00") from error
    return given.astimezone(UTC) if given.tzinfo else given.replace(tzinfo=UTC)


def past_moment(value: str) -> datetime:
    """A moment that is over: by a later one labels are still to come, and payments too young would count as old."""
    given = moment(value)
    if given > now():
        raise argparse.ArgumentTypeError(f"{value!r} is in the future: labels known by then are still to come")
    return given


def day_count(value: str) -> int:
    """A whole number of days, 0 or more."""
    if not value.isdecimal() or int(value) > 3650:
        raise argparse.ArgumentTypeError(f"{value!r} is not a number of days from 0 to 3650")
    return int(value)


def trial_count(value: str) -> int:
    """How many settings to try."""
    if not value.isdecimal() or int(value) > MOST_TRIALS:
        raise argparse.ArgumentTypeError(f"{value!r} is not a number of trials from 0 to {MOST_TRIALS}")
    return int(value)


class Command(BaseCommand):
    help = "Train a model on recorded decisions, with only the labels that were known at a time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="start", type=moment, metavar="DATE", help="default: 90 days before --to")
        parser.add_argument(
            "--to",
            dest="end",
            type=moment,
            metavar="DATE",
            help="not included; default: --labels-as-of less maturity",
        )
        parser.add_argument("--labels-as-of", type=past_moment, metavar="DATETIME", help="default: now")
        parser.add_argument(
            "--maturity-days",
            type=day_count,
            default=settings.LABEL_MATURITY_DAYS,
            metavar="N",
            help="age from which no label means legitimate; default: LABEL_MATURITY_DAYS",
        )
        parser.add_argument(
            "--trials", type=trial_count, default=0, metavar="N",
            help="settings of the trees to try (default 0: the product's own, which were measured)",
        )  # fmt: skip
        parser.add_argument(
            "--trial-seconds", type=float, default=600.0, metavar="S", help="time for trying them (default 600)"
        )
        parser.add_argument("--promote", action="store_true", help="make it the champion, retiring the one before")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, promote: bool, **options: Any) -> None:
        self._words = ""
        period = self._period(**options)
        budget = Budget(options["trials"], options["trial_seconds"])
        try:
            stored = models.train_model(period, promote=promote, progress=self._progress, budget=budget)
        except TrainingImpossibleError as error:
            raise CommandError(f"{error} {self._advice(period)}", returncode=1) from error
        self.stdout.write(json.dumps(_facts(stored)) if options["json"] else _words(stored))

    def _period(
        self,
        *,
        start: datetime | None,
        end: datetime | None,
        labels_as_of: datetime | None,
        maturity_days: int,
        **_: Any,
    ) -> TrainingPeriod:
        as_of, maturity = labels_as_of or now(), timedelta(days=maturity_days)
        # Younger payments are known only where they were fraud or reviewed: with them the model would expect
        # fraud to be many times as frequent as it is.
        end = end or as_of - maturity
        start = start or usual_start(end)
        if start >= end:
            raise CommandError(f"--from {start:%Y-%m-%d %H:%M} is not before --to {end:%Y-%m-%d %H:%M}.", returncode=2)
        return TrainingPeriod(start, end, as_of, maturity)

    def _advice(self, period: TrainingPeriod) -> str:
        return (
            "Record labels (POST labels/, or verdicts), "
            f"or lower --maturity-days (now {period.maturity.days}), "
            f"or widen --from and --to (now {period.start:%Y-%m-%d} to {period.end:%Y-%m-%d})."
        )

    def _progress(self, step: Step) -> None:
        if step.words != self._words:
            self.stderr.write(f"{step.done:4.0%} {step.words}", style_func=str)
        self._words = step.words


def _facts(stored: ModelVersion) -> dict[str, Any]:
    return {
        "version": stored.version,
        "stage": stored.stage,
        "feature_version": stored.feature_version,
        "calibration_slope": stored.calibration_slope,
        "calibration_intercept": stored.calibration_intercept,
        "labels_as_of": stored.labels_as_of.isoformat(),
        "trained_from": stored.trained_from.isoformat(),
        "trained_to": stored.trained_to.isoformat(),
        "metrics": stored.metrics,
    }


def _words(stored: ModelVersion) -> str:
    figures = stored.metrics
    lines = [f"Model {stored.version}, {stored.stage}: {figures['rows']:,} payments, {figures['frauds']:,} frauds."]
    if "auc_roc" in figures:
        lines.append(
            f"On the newest fifth of the time: average precision {_with_interval(figures, 'average_precision')}, "
            f"AUC {_with_interval(figures, 'auc_roc')}, calibration error {figures['expected_calibration_error']:.4f} "
            f"({figures['holdout_frauds']:,} frauds of {figures['holdout_rows']:,})."
        )
    else:
        lines.append("The newest fifth of the time has too few frauds to measure it.")
    return "\n".join(lines)


def _with_interval(figures: dict[str, Any], name: str) -> str:
    low, high = figures["intervals"][name]
    return f"{figures[name]:.3f} ({low:.3f} to {high:.3f})"
