"""`manage.py measure_drift`: compare recent payments with what the champion learnt from, now."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from scoring.models import DriftReport, ModelVersion
from scoring.services.drift import DriftImpossibleError, measure_drift
from scoring.services.drift_days import forget_days


class Command(BaseCommand):
    help = "Compare the newest whole days with what the champion was trained on, and keep a report."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--recount", action="store_true", help="count all days anew: payments were imported for days of before"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, recount: bool, **options: Any) -> None:
        if recount:
            for champion in ModelVersion.objects.filter(stage=ModelVersion.Stage.CHAMPION):
                self.stderr.write(f"{forget_days(champion)} days are counted anew", style_func=str)
        try:
            report = measure_drift(at=now())
        except DriftImpossibleError as error:
            raise CommandError(str(error), returncode=1) from error
        if report is None:
            raise CommandError("Another process measures just now. Try again in a minute.", returncode=1)
        self.stdout.write(json.dumps(_facts(report)) if options["json"] else _words(report))


def _facts(report: DriftReport) -> dict[str, Any]:
    times = {"since": report.since.isoformat(), "until": report.until.isoformat()}
    return {"model": report.model.version, "status": report.status, "words": report.words, **times, **report.figures}


def _words(report: DriftReport) -> str:
    found = [f"  {one['severity']}: {one['words']}" for one in report.figures["findings"]]
    return "\n".join([f"{report.get_status_display()}: {report.words}", *found])
