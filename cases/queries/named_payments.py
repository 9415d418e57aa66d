"""Payments as the outside names them, by transaction id."""

import re
from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

from cases.models import Case
from cases.services.verdict_payments import choosable_payments
from scoring.models import Decision

# Any other text is no payment's; PostgreSQL would not take all of it.
_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)


class UnknownNamesError(Exception):
    """Some of the ids are of no such payment."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__(", ".join(sorted(names)[:10]))
        self.names = sorted(names)


def flagged_by_name(case: Case, names: Collection[str]) -> dict[str, int]:
    """Ids of the case's own payments. Raises: UnknownNamesError: some are not the case's."""
    return _ids(names, Decision.objects.filter(alert__case=case))


def others_by_name(case: Case, names: Collection[str], *, now: datetime) -> dict[str, int]:
    """Ids of other payments of the case's card that a verdict may be on. Raises: UnknownNamesError."""
    return _ids(names, choosable_payments(case, now=now))


def devices_of(case: Case) -> set[str]:
    """Devices that payments of the case came from."""
    return set(Decision.objects.filter(alert__case=case).exclude(device_id="").values_list("device_id", flat=True))


def addresses_of(case: Case) -> set[str]:
    """Addresses that payments of the case came from, as they were sent."""
    return {str(one) for one in Decision.objects.filter(alert__case=case).values_list("ip_address", flat=True) if one}


def _ids(names: Collection[str], payments: "QuerySet[Decision]") -> dict[str, int]:
    if not names:
        return {}
    possible = [name for name in names if _ID.fullmatch(name)]
    found = dict(payments.filter(transaction_id__in=possible).values_list("transaction_id", "id"))
    if unknown := set(names) - found.keys():
        raise UnknownNamesError(unknown)
    return found
