"""`manage.py compare_models`: two models on the same recorded payments, card by card."""

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from scoring.datasets import recorded_payments
from scoring.management.commands.train_model import moment
from scoring.ml.datasets import training_set
from scoring.ml.experiments.same_payments import Measure, compare_scores
from scoring.ml.model import Model, ModelRefusedError
from scoring.models import ModelVersion
from scoring.services.models import SEED, load_model

# An alert for one payment in a hundred: a desk of three for 30,000 payments a day.
_ALERTS = 0.01


class Command(BaseCommand):
    help = "Compare two models on the same recorded payments: what the second would miss less. Stores nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("first", help="version of a model, such as the champion's")
        parser.add_argument("second", help="version of the other")
        parser.add_argument("--from", dest="since", type=moment, required=True, metavar="DATE", help="first payment")
        parser.add_argument("--to", dest="until", type=moment, required=True, metavar="DATE", help="not included")
        parser.add_argument("--maturity-days", type=int, default=settings.LABEL_MATURITY_DAYS, metavar="N")
        parser.add_argument("--alerts", type=float, default=_ALERTS, metavar="SHARE", help="of payments; default: 0.01")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        if not 0 < options["alerts"] < 1:
            raise CommandError("--alerts must be above 0 and below 1.", returncode=2)
        if options["since"] >= options["until"]:
            raise CommandError("--from must be before --to.", returncode=2)
        models = [self._model(options[name], options["since"]) for name in ("first", "second")]
        maturity = timedelta(days=options["maturity_days"])
        recorded = recorded_payments(options["since"], options["until"], labels_as_of=now(), maturity=maturity)
        payments = training_set(recorded)
        if not payments.frauds:
            raise CommandError("No payment of these days is known to be fraud: nothing can be compared.", returncode=1)
        first, second = (model.score(payments.vectors) for model in models)
        chance = np.random.default_rng(SEED)
        found = compare_scores(payments, first, second, alerts=options["alerts"], chance=chance)
        report = {"payments": len(payments), "unknown": len(recorded) - len(payments), "frauds": payments.frauds}
        if options["json"]:
            self.stdout.write(json.dumps({**report, "measures": [asdict(one) for one in found]}))
            return
        self.stdout.write(
            f"{len(payments):,} payments, {payments.frauds:,} of them fraud; {report['unknown']:,} not known yet"
        )
        for one in found:
            self.stdout.write(_line(one))

    def _model(self, version: str, since: datetime) -> Model:
        row = ModelVersion.objects.filter(version=version).first()
        if row is None:
            raise CommandError(f"There is no model {version}.", returncode=1)
        if since < row.trained_to:
            said = f"Model {version} learnt from payments up to {row.trained_to:%Y-%m-%d}: it knows some of these."
            self.stderr.write(said, style_func=str)
        try:
            return load_model(row)
        except ModelRefusedError as error:
            raise CommandError(str(error), returncode=1) from error


def _line(one: Measure) -> str:
    """Means over payments; the interval tells whether the second is better (below zero) or not."""
    gap = one.difference
    ends = f"{gap.value:+.6f} ({gap.low:+.6f} to {gap.high:+.6f})"
    return f"{one.name:20}{one.first:>12.6f}{one.second:>12.6f}  second less first {ends}"
