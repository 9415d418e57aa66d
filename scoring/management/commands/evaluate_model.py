"""`manage.py evaluate_model`: how well the product would have found fraud, by the delayed-label protocol."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from scoring.datasets import fold_data
from scoring.features.definitions import NAMES, VERSION
from scoring.management.commands.train_model import moment
from scoring.ml.metrics import deviation_of, mean_of
from scoring.ml.protocol import Fold, Thresholds, evaluate
from scoring.ml.training import PARAMETERS, TREES, TrainingImpossibleError
from scoring.models import Policy
from scoring.services.models import SEED
from scoring.services.policy import NoPolicyError, live_policy

SHOWN = ("auc_roc", "average_precision", "card_precision_at_100", "precision", "recall", "f1")


class Command(BaseCommand):
    help = "Train on some days, leave those whose labels are not known yet, test on the next. Stores nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from", dest="starts", type=moment, action="append", required=True, metavar="DATE",
            help="first training day; may be given several times",
        )  # fmt: skip
        parser.add_argument("--folds", type=int, default=1, metavar="N", help="folds from each --from, a week apart")
        parser.add_argument("--train-days", type=int, default=7, metavar="N")
        parser.add_argument("--delay-days", type=int, default=7, metavar="N")
        parser.add_argument("--test-days", type=int, default=7, metavar="N")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        folds = _folds(**options)
        policy = _policy()
        results = [self._evaluate(fold, policy) for fold in folds]
        report = {
            "folds": results,
            "mean": mean_of(results),
            "standard_deviation": deviation_of(results),
            "model": _model(policy, **options),
        }
        self.stdout.write(json.dumps(report) if options["json"] else _table(report))

    def _evaluate(self, fold: Fold, policy: Policy) -> dict[str, Any]:
        day = f"{datetime.fromtimestamp(fold.start, UTC):%Y-%m-%d}"
        self.stderr.write(f"Fold from {day}: reading and training", style_func=str)
        training, truth = fold_data(fold)
        thresholds = Thresholds(policy.review_threshold, policy.decline_threshold)
        try:
            return {"from": day, **evaluate(fold, training, truth, thresholds=thresholds, seed=SEED)}
        except TrainingImpossibleError as error:
            raise CommandError(f"Fold from {day}: {error}", returncode=1) from error


def _folds(
    *, starts: list[datetime], folds: int, train_days: int, delay_days: int, test_days: int, **_: Any
) -> list[Fold]:
    if min(folds, train_days, test_days) < 1 or delay_days < 0:
        raise CommandError("--folds, --train-days and --test-days must be 1 or more, --delay-days 0.", returncode=2)
    for start in starts:
        if start.astimezone(UTC).time() != datetime.min.time():
            raise CommandError("--from must be a day, without a time.", returncode=2)
    return [
        Fold((start + timedelta(weeks=week)).timestamp(), train_days, delay_days, test_days)
        for start in starts
        for week in range(folds)
    ]


def _policy() -> Policy:
    try:
        return live_policy()
    except NoPolicyError as error:
        raise CommandError(str(error), returncode=1) from error


def _model(policy: Policy, *, train_days: int, delay_days: int, test_days: int, **_: Any) -> dict[str, Any]:
    """What was measured: enough to measure it again."""
    return {
        "feature_version": VERSION,
        "features": len(NAMES),
        "trees": TREES,
        "parameters": dict(PARAMETERS),
        "seed": SEED,
        "train_days": train_days,
        "delay_days": delay_days,
        "test_days": test_days,
        "policy_version": policy.version,
        "review_threshold": policy.review_threshold,
        "decline_threshold": policy.decline_threshold,
    }


def _table(report: dict[str, Any]) -> str:
    heads = ("AUC ROC", "avg prec", "card p@100", "precision", "recall", "F1")
    lines = [f"{'from':12}{'train':>10}{'test':>10}" + "".join(f"{head:>12}" for head in heads)]
    lines += [_line(fold["from"], fold) for fold in report["folds"]]
    lines += [_line("mean", report["mean"]), _line("deviation", report["standard_deviation"])]
    version, threshold = report["model"]["policy_version"], report["model"]["review_threshold"]
    lines.append(f"precision, recall and F1 at the review threshold of policy {version}: {threshold}")
    for fold in report["folds"]:
        lines += [
            f"{fold['from']} {currency}: fraud caught {sums['fraud_caught']}, missed {sums['fraud_missed']}, "
            f"legitimate stopped {sums['legitimate_stopped']}"
            for currency, sums in fold["money"]["review"].items()
        ]
    return "\n".join(lines)


def _line(name: str, figures: dict[str, Any]) -> str:
    counts = f"{figures['train_rows']:>10,.0f}{figures['test_rows']:>10,.0f}"
    return f"{name:12}{counts}" + "".join(f"{figures[shown]:>12.4f}" for shown in SHOWN)
