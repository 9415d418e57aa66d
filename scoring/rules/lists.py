"""What lists say of a payment."""

import msgspec

# A list of this name and the code of a rule holds the cards, merchants ... for which the rule is silent.
SNOOZE = "snooze:"


class ListHit(msgspec.Struct, frozen=True, gc=False):
    """An entry of a list that a payment meets."""

    list: str
    entity: str
    value: str
    reason: str
