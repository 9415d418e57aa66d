"""Reads of the lists: what of them payments meet, and what stands on them."""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import OuterRef, Q, Subquery

from scoring.models import ListEntry, ListShape, Policy, PolicyList
from scoring.rules.identities import ENTITIES, ListValueError, canonical_value, identities
from scoring.rules.lists import ListHit
from scoring.transaction import Transaction

# Under which entity and value a payment's own ones are looked for: as they are, an address also under the networks
# and a card under the prefixes that are of a length any list has known. Values have no line ends, and one text is 2 ms
# quicker to send than 2,000. CASE: no other value is read as an address.
KEYS = """
WITH wanted AS (
  SELECT * FROM unnest(string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n')) AS wanted (entity, value)
), keys AS (
  SELECT entity AS of_entity, value AS of_value, entity, value FROM wanted
  UNION ALL
  SELECT wanted.entity, wanted.value, 'ip', network(set_masklen(address, shape.length))::text
  FROM wanted
  CROSS JOIN LATERAL (SELECT CASE wanted.entity WHEN 'ip' THEN wanted.value::inet END OFFSET 0) AS ip (address)
  JOIN scoring_listshape AS shape ON shape.entity = 'ip' AND shape.family = family(address)
  UNION ALL
  SELECT wanted.entity, wanted.value, 'card_prefix', left(wanted.value, shape.length)
  FROM wanted JOIN scoring_listshape AS shape ON shape.entity = 'card_prefix' AND shape.length <= length(wanted.value)
  WHERE wanted.entity = 'card'
)
"""
# OFFSET 0 makes PostgreSQL probe the index for each value (1 us) rather than hash the whole list.
_LISTED = """
SELECT keys.of_entity, keys.of_value, entry.kind, entry.entity, entry.value, entry.reason
FROM keys CROSS JOIN LATERAL (
  SELECT * FROM scoring_listentry AS listed
  WHERE listed.entity = keys.entity AND listed.value = keys.value OFFSET 0
) AS entry
WHERE entry.expires_at IS NULL OR entry.expires_at > %s
ORDER BY entry.id
"""


def list_hits(transactions: Sequence[Transaction], *, at: datetime) -> Mapping[int, list[ListHit]]:
    """Row -> unexpired list entries it meets. One query a batch."""
    rows_of: dict[tuple[str, str], list[int]] = {}
    for row, transaction in enumerate(transactions):
        for identity in identities(transaction):
            rows_of.setdefault(identity, []).append(row)
    if not rows_of:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(KEYS + _LISTED, [*map("\n".join, zip(*rows_of, strict=True)), at])
        entries = cursor.fetchall()
    hits: dict[int, list[ListHit]] = {}
    for of_entity, of_value, name, entity, value, reason in entries:
        for row in rows_of[of_entity, of_value]:
            hits.setdefault(row, []).append(ListHit(name, entity, value, reason))
    return hits


def running(at: datetime) -> dict[str, Q]:
    """Entries by their end: `now` those that act, and of these `soon` within 7 days, `never`; and `over`."""
    return {
        "now": Q(expires_at=None) | Q(expires_at__gt=at),
        "soon": Q(expires_at__gt=at, expires_at__lte=at + timedelta(days=7)),
        "never": Q(expires_at=None),
        "over": Q(expires_at__lte=at),
    }


Shapes = Sequence[tuple[str, int, int]]


def known_shapes() -> Shapes:
    """Entity, family and length of networks and prefixes that lists have known."""
    return list(ListShape.objects.values_list("entity", "family", "length"))


def values_meeting(text: str, shapes: Shapes) -> list[str]:
    """Values under which a payment that carries this would be found on a list, and the text as it would stand there."""
    values = {text}
    for entity in ENTITIES:
        with suppress(ListValueError):
            values.add(canonical_value(entity, text))
    for entity, family, length in shapes:
        if entity == "card_prefix":
            values.add(text[:length])
        else:
            values.update(_networks(values, family, length))
    return [value for value in values if "\x00" not in value]


def _networks(values: Iterable[str], family: int, length: int) -> list[str]:
    found = []
    for value in values:
        with suppress(ValueError):
            if (address := ipaddress.ip_address(value)).version == family:
                found.append(str(ipaddress.ip_network((address, length), strict=False)))
    return found


def effects_in_force() -> dict[str, str]:
    """What lists do to a payment under the live version of the policy, by their names."""
    live = PolicyList.objects.filter(policy__status=Policy.Status.LIVE)
    return dict(live.values_list("list", "effect"))


def effect_in_force(name: str) -> Subquery:
    """The same as a part of a query; `name` is the column with the list's name."""
    return Subquery(PolicyList.objects.filter(policy__status=Policy.Status.LIVE, list=OuterRef(name)).values("effect"))


_EXPORT_ROWS = 5_000


def exported_entries(list_name: str, *, after: int, at: datetime) -> tuple[list[tuple[Any, ...]], int | None]:
    """Some thousands of a list's running entries, oldest first, as a file has them; and after which id to go on."""
    entries = ListEntry.objects.filter(running(at)["now"], list__name=list_name, id__gt=after).order_by("id")
    rows = list(
        entries.values_list(
            "id", "entity", "value", "reason", "expires_at", "source", "author__username", "created_at"
        )[:_EXPORT_ROWS]
    )
    return [row[1:] for row in rows], rows[-1][0] if len(rows) == _EXPORT_ROWS else None
