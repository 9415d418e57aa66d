"""Reading request bodies that are not payments (those have their own decoder)."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.parsers import JSONParser

# Twice the largest that means something: a verdict that names a thousand payments.
MAX_BODY_BYTES = 262_144
# Enough to find a name in what was sent.
_SHOWN = 64


class TooLargeError(APIException):
    """The body is read no further; nothing was stored."""

    status_code = 413
    default_detail = f"The body is larger than {MAX_BODY_BYTES:,} bytes; nothing was stored."


class FlatJSONParser(JSONParser):
    """JSON of a bounded size that says one thing: a field that is there twice is refused by name.

    Nesting that Python cannot follow is the sender's fault, not ours.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise TooLargeError
        try:
            return json.loads(body.decode(), parse_constant=_no_number, object_pairs_hook=_each_once)
        except RecursionError as error:
            raise ParseError("JSON is nested too deep.") from error
        except ValueError as error:
            raise ParseError(f"The body is no JSON: {error}") from error


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number in it.")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValidationError({name[:_SHOWN]: ["is given twice."]})
        fields[name] = value
    return fields
