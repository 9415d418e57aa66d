"""Reads who looks at cases now."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import F, Prefetch, QuerySet

from cases.models import Case, Presence
from cases.services.presence import FORGOTTEN_AFTER


def lookers_at(case: Case, *, besides: User, now: datetime) -> list[User]:
    """Who else has the case's page open, without its claimant: of that one the page tells anyway."""
    return [sign.user for sign in _signs(besides, now).filter(case=case)]


def prefetch_lookers(*, besides: User, now: datetime) -> "Prefetch[str, QuerySet[Presence], str]":
    """The same for many cases, as their `signs`, in one query."""
    return Prefetch("presences", queryset=_signs(besides, now), to_attr="signs")


def _signs(besides: User, now: datetime) -> QuerySet[Presence]:
    fresh = Presence.objects.filter(seen_at__gte=now - FORGOTTEN_AFTER).exclude(user=besides)
    return fresh.exclude(user=F("case__claimed_by")).select_related("user").order_by("user__username")
