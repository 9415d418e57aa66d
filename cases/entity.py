"""One card, customer, merchant, device or address, by the name that payments carry."""

import ipaddress
import re
from dataclasses import dataclass

from cases import words
from scoring.models import ListEntry
from scoring.transaction import canonical_address

COLUMNS = {
    "card": "card_id",
    "customer": "customer_id",
    "merchant": "merchant_id",
    "device": "device_id",
    "ip": "ip_address",
}
_NAME = re.compile(r"[\x21-\x7e]{1,64}", re.ASCII)


class UnknownEntityError(Exception):
    """No payment and no list names it."""


@dataclass(frozen=True)
class Entity:
    """What kind it is, and its name."""

    kind: str
    name: str

    @property
    def shown(self) -> str:
        return words.masked_card(self.name) if self.kind == ListEntry.Entity.CARD else self.name

    @property
    def list_value(self) -> str:
        """What stands on a list for it: payments keep `::ffff:192.0.2.7` as sent, lists know it as 192.0.2.7."""
        return canonical_address(self.name) if self.kind == ListEntry.Entity.IP else self.name

    @property
    def title(self) -> str:
        return words.ENTITIES.get(self.kind, "")

    @property
    def title_in_text(self) -> str:
        return self.title if self.kind == ListEntry.Entity.IP else self.title.lower()


def parse_entity(kind: str, name: str) -> Entity:
    """Read the parts of a page's address; an IP address is written the short way.

    Raises:
        UnknownEntityError: no payment could carry it.
    """
    if kind not in COLUMNS or not _NAME.fullmatch(name):
        raise UnknownEntityError(name)
    if kind == ListEntry.Entity.IP:
        try:
            name = str(ipaddress.ip_address(name))
        except ValueError as error:
            raise UnknownEntityError(name) from error
        if "%" in name:
            raise UnknownEntityError(name)
    return Entity(kind, name)
