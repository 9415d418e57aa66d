"""What a payment meets on lists, the way the engine and rules are told of it."""

import msgspec

# A list of this name and the code of a rule holds the cards, merchants ... for which the rule is silent.
SNOOZE = "snooze:"


class ListHit(msgspec.Struct, frozen=True, gc=False):
    """An entry of a list that a payment meets: `value` of the `entity` (card, ip, country ...) stands on `list`."""

    list: str
    entity: str
    value: str
    reason: str
