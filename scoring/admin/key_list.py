"""What the list of API keys tells of each and is filtered by."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.timesince import timeuntil
from django.utils.timezone import now

from scoring.models import ApiKey

# Time enough to rotate it before its program stands still.
SOON = timedelta(days=30)


def state_in_words(key: ApiKey, at: datetime) -> str:
    """Such as `revoked`, `active`, `expires in 3 days`."""
    state = key.state_at(at)
    if state == ApiKey.State.ACTIVE and key.expires_at is not None:
        return f"expires in {timeuntil(key.expires_at, at, depth=1)}".replace("\xa0", " ")
    return str(state.value)


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("active", "Active"),
            ("expiring", f"Expires within {SOON.days} days"),
            ("unused", "Active, never used"),
            ("expired", "Expired"),
            ("revoked", "Revoked"),
            ("closed", "Account closed"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey] | None:
        wanted = _states(now()).get(self.value() or "")
        return None if wanted is None else queryset.filter(wanted)


class ScopeFilter(admin.SimpleListFilter):
    title = "scope"
    parameter_name = "scope"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(scope, scope) for scope in ApiKey.Scope.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey] | None:
        return queryset.filter(scopes__contains=[self.value()]) if self.value() in ApiKey.Scope.values else None


def _states(at: datetime) -> dict[str, Q]:
    revoked, expired = Q(revoked_at__isnull=False), Q(expires_at__isnull=False, expires_at__lte=at)
    closed = Q(user__isnull=False, user__is_active=False)
    active = ~revoked & ~expired & ~closed
    return {
        "active": active,
        "expiring": active & Q(expires_at__lte=at + SOON),
        "unused": active & Q(last_used_at=None),
        "expired": expired & ~revoked,
        "revoked": revoked,
        "closed": closed & ~expired & ~revoked,
    }
