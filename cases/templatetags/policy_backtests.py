"""Backtests in the words of the console."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import template

from cases import money
from cases.policy.backtests_words import verdict

register = template.Library()

register.filter("backtest_verdict", verdict)


@register.filter
def cause_words(cause: str) -> str:
    """What asks for a decision: a rule's code as it is, `list:block` as `list block`."""
    return cause.replace("list:", "list ", 1) if cause.startswith("list:") else cause


@register.filter
def label_words(payment: Mapping[str, Any]) -> str:
    label: str = payment["label"]
    return "taken as legitimate" if label == "taken" else label


@register.filter
def money_text(amount: str, currency: str) -> str:
    """An amount as a result keeps it."""
    return money.shown(Decimal(amount), currency)
