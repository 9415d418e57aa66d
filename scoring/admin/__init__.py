"""What managers change and auditors read; every change but taking an entry off a list goes through a service."""

from scoring.admin import backtests, keys, labels, learning, lists, policy, records, rules, webhooks

__all__ = ["backtests", "keys", "labels", "learning", "lists", "policy", "records", "rules", "webhooks"]
