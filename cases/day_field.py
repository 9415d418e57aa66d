"""A day of the record, as somebody asks for it."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.timezone import now

# No payment is older, and every day between can be counted back and forth from.
EARLIEST = date(2000, 1, 1)


def tomorrow() -> date:
    """By UTC: for who is ahead of it, it is today already."""
    return now().date() + timedelta(days=1)


class DayField(forms.DateField):
    """From 2000 to tomorrow, or nothing; what is wrong is said with the field's name."""

    def __init__(self, *, label: str, **kwargs: Any) -> None:
        limits = [
            MinValueValidator(EARLIEST, f"{label}: choose a day from {EARLIEST:%-d %b %Y} on."),
            MaxValueValidator(tomorrow, f"{label}: choose a day up to tomorrow."),
        ]
        said = {"invalid": f"{label}: enter a valid date."}
        super().__init__(label=label, required=False, validators=limits, error_messages=said, **kwargs)
