"""What managers change and auditors read; every change but taking an entry off a list goes through a service."""

from scoring.admin import (
    backtests,
    experiments,
    keys,
    labels,
    learning,
    lists,
    policy,
    records,
    rules,
    trainings,
    webhooks,
)

__all__ = [
    "backtests", "experiments", "keys", "labels", "learning", "lists", "policy", "records", "rules", "trainings",
    "webhooks",
]  # fmt: skip
