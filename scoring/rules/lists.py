"""What of the lists a payment meets."""

import msgspec


class ListHit(msgspec.Struct, frozen=True, gc=False):
    """An entry of a list that a payment meets."""

    list: str
    entity: str
    value: str
    reason: str
