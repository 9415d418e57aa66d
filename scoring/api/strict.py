"""What the API accepts in bodies and in addresses: what it does not know is refused by name, a time has its offset."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import QueryDict
from django.utils.timezone import is_naive
from rest_framework import serializers

# Enough to find a misspelt name in what was sent.
_SHOWN = 64


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know: a misspelt one must not be lost silently."""

    def to_internal_value(self, data: Any) -> Any:
        errors = self._refused(data)
        try:
            known = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**errors, **_as_dict(error.detail)}) from error
        if errors:
            raise serializers.ValidationError(errors)
        return known

    def _refused(self, data: Any) -> dict[str, list[str]]:
        names = [str(name) for name in data if name not in self.fields] if isinstance(data, Mapping) else []
        there_are = (
            f"is not known here; known are {', '.join(sorted(self.fields))}." if self.fields else "is not known."
        )
        return {name[:_SHOWN]: [there_are] for name in names}


class StrictBody(StrictSerializer):
    """The same of JSON, whose types are taken as they are: 5 is no text, "yes" is no flag, "30" is no number."""

    def _refused(self, data: Any) -> dict[str, list[str]]:
        sent = data if isinstance(data, Mapping) else {}
        wrong = {name: _mistyped(field, sent[name]) for name, field in self.fields.items() if name in sent}
        return super()._refused(data) | {name: [words] for name, words in wrong.items() if words}


def _mistyped(field: Any, value: Any) -> str:
    """What the value, or one within it, should have been; empty where it is of its type, or the field itself asks."""
    if value is None:
        return ""
    if isinstance(value, list | dict):
        within = value if isinstance(value, list) else value.values()
        child = getattr(field, "child", None)
        return next((words for one in within if (words := _mistyped(child, one))), "") if child else ""
    if isinstance(field, serializers.ChoiceField):
        return "" if type(value) in {type(choice) for choice in field.choices} else "is none of the choices."
    return next((words for kind, types, words in _TYPES if isinstance(field, kind) and type(value) not in types), "")


_TYPES = (
    (serializers.BooleanField, (bool,), "must be true or false."),
    (serializers.IntegerField, (int, float), "must be a number."),
    ((serializers.CharField, serializers.DateTimeField), (str,), "must be text."),
)


def _as_dict(detail: Any) -> dict[str, Any]:
    return detail if isinstance(detail, dict) else {"non_field_errors": detail}


def parameters_of(address: QueryDict) -> dict[str, str]:
    """What an address asks for, to be checked by a serializer as a body is.

    Raises:
        ValidationError: a parameter is there twice.
    """
    twice = {name[:_SHOWN]: ["is given more than once."] for name in address if len(address.getlist(name)) > 1}
    if twice:
        raise serializers.ValidationError(twice)
    return {name: str(value) for name, value in address.items()}


class MomentField(serializers.DateTimeField):
    """A time with its offset from UTC: one without means another moment at each end."""

    default_error_messages = {
        "invalid": "is no time as RFC 3339 writes it, like 2026-11-30T09:00:00Z.",
        "no_offset": "has no offset from UTC: write it like 2026-11-30T09:00:00Z.",
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        if is_naive(value):
            self.fail("no_offset")
        return super().enforce_timezone(value)
