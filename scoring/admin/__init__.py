"""What managers change and auditors read; every change but taking an entry off a list goes through a service."""

from scoring.admin import backtests, keys, lists, policy, records, rules, trainings, webhooks

__all__ = ["backtests", "keys", "lists", "policy", "records", "rules", "trainings", "webhooks"]
