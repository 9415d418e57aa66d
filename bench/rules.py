"""Policies of any number of rules, of the kind that managers write: two or three conditions, rarely met."""

from itertools import islice, product

from scoring.policy_defaults import RULES
from scoring.services.policy import RuleDraft

_FIRST = (
    "card_count_1h > {}", "card_amount_24h > 100 * {}", "merchant_count_24h > 1000 * {}", "device_cards_7d > {}",
    "card_km > 100 * {}", "card_amount_median_ratio > 5 * {}",
)  # fmt: skip
_SECOND = (
    "amount > 2000 AND channel = 'ecommerce'", "amount > 3000 AND merchant_country NOT IN ('DE', 'FR', 'SE')",
    "is_cross_border = 1 AND amount > 2500", "merchant_category IN ('7995', '6051') AND amount > 900",
    "hour(occurred_at, 'Europe/Paris') BETWEEN 1 AND 4 AND amount > 2000",
    "lower(merchant_name) LIKE '%gift%' AND amount > 900", "in_list(device_id, 'mules') AND amount > 1000",
    "card_is_new_merchant = 1 AND hour_of_day BETWEEN 1 AND 4 AND amount > 2000",
)  # fmt: skip


def rules(count: int, *, is_quiet: bool = False) -> list[RuleDraft]:
    """The rules a deployment starts with (none of them when it is to be quiet), and as many others as it takes."""
    given = () if is_quiet else RULES
    made = (
        RuleDraft(f"bench_{number}", f"{first.format(size)} AND {second}", "review", "Bench")
        for number, (size, first, second) in enumerate(product(range(6, 100), _FIRST, _SECOND))
    )
    return [*given, *islice(made, count - len(given))]
