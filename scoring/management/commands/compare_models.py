"""`manage.py compare_models VERSION`: a model against the champion, on payments that neither learnt from."""

import json
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from scoring.management.commands.train_model import day_count
from scoring.models import ModelVersion
from scoring.services.comparisons import NotComparableError, compare_with_champion


class Command(BaseCommand):
    help = "Compare a model with the champion on the newest mature payments that neither learnt from."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("version", help="of the model, as `train_model` printed it")
        parser.add_argument(
            "--maturity-days",
            type=day_count,
            default=settings.LABEL_MATURITY_DAYS,
            metavar="N",
            help="age from which no label means legitimate; default: LABEL_MATURITY_DAYS",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, version: str, maturity_days: int, **options: Any) -> None:
        model = ModelVersion.objects.filter(version=version).first()
        if model is None:
            raise CommandError(f"There is no model {version}.", returncode=2)
        try:
            found = compare_with_champion(model, at=now(), maturity=timedelta(days=maturity_days))
        except NotComparableError as error:
            raise CommandError(str(error), returncode=1) from error
        facts = {"model": version, "champion": found.champion.version, "is_worse": found.is_worse, **found.figures}
        self.stdout.write(json.dumps(facts) if options["json"] else found.words)
