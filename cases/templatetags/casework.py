"""Filters for what is added to a case. They show; they do not decide."""

from datetime import datetime

from django import template

from cases import words
from cases.models import Case

register = template.Library()

register.filter("file_size", words.size)


@register.filter
def asleep_until(case: Case, now: datetime) -> datetime | None:
    """Until when the case is snoozed; None when it is awake."""
    return case.snoozed_until if case.is_snoozed(now) else None
