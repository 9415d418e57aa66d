"""The policy a new deployment starts with. Managers publish their own from there."""

from scoring.services.policy import LIST_EFFECTS, RuleDraft
from scoring.services.policy_content import Content

# A missed fraud costs its amount and a review some minutes: with payments around 50 and a review at 2, a look pays from
# 1 in 20 on. Above 3 in 5 a stopped customer is the rarer mistake. To be replaced by a deployment's own costs.
REVIEW_THRESHOLD, DECLINE_THRESHOLD = 0.05, 0.6

RULES = (
    RuleDraft(
        "card_testing",
        "card_small_streak >= 5 AND card_count_1h >= 5",
        "review",
        "{card_small_streak} payments under 2.00 in a row: somebody may be testing this card",
    ),
    RuleDraft(
        "impossible_travel",
        "card_kmh > 1000 AND card_km > 300",
        "review",
        "{card_km} from this card's last place, at {card_kmh}: nobody travels that fast",
    ),
    RuleDraft(
        "new_device_large_amount",
        "card_is_new_device = 1 AND is_remote = 1 AND card_amount_median_ratio > 8 AND amount > 150 AND score > 0.01",
        "review",
        "New device, and {card_amount_median_ratio} this card's usual amount",
    ),
    RuleDraft(
        "device_many_cards",
        "device_cards_7d >= 4",
        "review",
        "This device paid with {device_cards_7d} cards in 7 days",
    ),
    RuleDraft(
        "device_with_fraud",
        "device_frauds_30d >= 2",
        "decline",
        "{device_frauds_30d} confirmed frauds from this device in 30 days",
    ),
)


def starting_content() -> Content:
    """The whole of it, for a draft to begin with."""
    return Content(REVIEW_THRESHOLD, DECLINE_THRESHOLD, 100, 200, RULES, (), LIST_EFFECTS)
