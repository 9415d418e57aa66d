"""What managers change and auditors read, in Django's admin. Every change goes through a service."""

from scoring.admin import keys, lists, policy, records

__all__ = ["keys", "lists", "policy", "records"]
