"""Processor time of deciding a batch, with a champion alone and with a challenger: `python -m bench.line_up`."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from bench import rig

if TYPE_CHECKING:
    from scoring.ml.line_up import LineUp
    from scoring.ml.model import Model

SIZES = {1: 300, 64: 100, 500: 30}
RULES, ROUNDS = 30, 4


def main() -> None:
    with rig.servers():
        print(json.dumps(_measure(), indent=2))  # noqa: T201


def _measure() -> dict[str, dict[str, float]]:
    """Milliseconds of processor time a batch, the least of ROUNDS."""
    from scoring.ml.line_up import LineUp

    champion = _model("m-0")
    # The same trees: what is measured is the way to two models.
    challenger = replace(champion, version="m-1")
    line_ups = {
        "the engine itself, one model": None,
        "champion alone": LineUp(champion),
        "challenger with a tenth": LineUp(champion, challenger, 0.1, "m-1"),
    }
    return {
        f"batch of {size}": {
            name: min(_of_a_batch(models, champion, size, times) for _ in range(ROUNDS))
            for name, models in line_ups.items()
        }
        for size, times in SIZES.items()
    }


def _of_a_batch(models: "LineUp[Model] | None", champion: "Model", size: int, times: int) -> float:
    import numpy as np

    from bench.rules import rules
    from scoring.decisioning import PolicyInForce, decide
    from scoring.features.definitions import NAMES
    from scoring.rules.evaluation import CompiledRule
    from scoring.rules.language import compile_condition
    from scoring.services.batch_engine import BatchEngine
    from scoring.transaction import Transaction

    at = datetime.now(UTC)
    compiled = tuple(
        CompiledRule(
            code=rule.code, condition=compile_condition(rule.expression), outcome=rule.outcome, words=rule.words
        )
        for rule in rules(RULES)
    )
    policy = PolicyInForce(version=1, review_threshold=0.97, decline_threshold=0.99, rules=compiled)
    vectors = np.random.default_rng(1).gamma(1.0, 5.0, (size, len(NAMES))).astype(np.float32)
    payments = [
        Transaction(
            transaction_id=f"t{i}", occurred_at=at, amount=Decimal(i + 1), currency="EUR", card_id=f"card-{i}",
            merchant_id="m",
        )
        for i in range(size)
    ]  # fmt: skip
    started = time.process_time()
    for _ in range(times):
        if models is None:
            decide(payments, vectors, model=champion, policy=policy, listed={}, at=[at] * size)
        else:
            parts = models.split([payment.card_id for payment in payments])
            BatchEngine(payments, vectors, parts, policy, {}, at).decide(range(size))
    return round((time.process_time() - started) / times * 1000, 4)


def _model(version: str) -> "Model":
    from scoring.features.definitions import VERSION
    from scoring.ml.model import Model
    from scoring.ml.training import train
    from tests.scoring.ml_data import make_dataset

    trained = train(make_dataset(), seed=1)
    return Model(version, VERSION, trained.booster, trained.slope, trained.intercept)


if __name__ == "__main__":
    main()
