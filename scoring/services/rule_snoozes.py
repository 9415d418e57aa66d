"""Snoozes: a rule is silent for a card, merchant ... until a day. Each is an entry of the list `snooze:<rule code>`."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from scoring.models import ListEntry, NamedList, Rule
from scoring.rules.identities import canonical_value
from scoring.rules.lists import SNOOZE
from scoring.services.lists import NotListedError, add_list_entry, remove_list_entry


class UnknownRuleError(Exception):
    """No version of the policy has a rule of this code; nothing changed."""


@transaction.atomic
def snooze_rule(*, code: str, entity: str, value: str, until: datetime, reason: str, author: User) -> ListEntry:
    """Let the rule be silent for payments with this value, from now on; one that is snoozed gets the new end.

    Raises:
        UnknownRuleError: there is no such rule.
        ValueError: no payment could carry the value, no reason, or an end in the past or further away than 90 days.
    """
    if not Rule.objects.filter(code=code).exists():
        raise UnknownRuleError(f"There is no rule {code}.")
    name = f"{SNOOZE}{code}"
    NamedList.objects.get_or_create(
        name=name,
        defaults={"title": f"Snoozes of the rule {code}", "purpose": "The rule is silent here.", "created_by": author},
    )
    return add_list_entry(list_name=name, entity=entity, value=value, reason=reason, expires_at=until, author=author)


@transaction.atomic
def end_snooze(*, code: str, entity: str, value: str, reason: str, author: User) -> ListEntry:
    """Let the rule speak again, from now on.

    Raises:
        NotListedError: it is not snoozed (any more).
    """
    standing = ListEntry.objects.filter(
        list__name=f"{SNOOZE}{code}", entity=entity, value=canonical_value(entity, value)
    ).first()
    if standing is None:
        raise NotListedError(code)
    return remove_list_entry(entry_id=standing.pk, reason=reason, author=author)
