"""Reading request bodies that are not payments (those have their own decoder)."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

# Twice the largest that means something: a verdict that names a thousand payments.
MAX_BODY_BYTES = 262_144


class TooLargeError(APIException):
    """The body is read no further; nothing was stored."""

    status_code = 413
    default_detail = f"The body is larger than {MAX_BODY_BYTES:,} bytes; nothing was stored."


class FlatJSONParser(JSONParser):
    """JSON in UTF-8, of a bounded size, each name once; nesting that Python cannot follow is the sender's fault."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise TooLargeError
        try:
            return json.loads(body.decode(), object_pairs_hook=_each_once, parse_constant=_refuse_constant)
        except RecursionError as error:
            raise ParseError("JSON is nested too deep.") from error
        except ValueError as error:
            raise ParseError(f"This is no JSON: {error}") from error


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ParseError(f"`{twice[:64]}` is there more than once.")
    return found


def _refuse_constant(name: str) -> float:
    raise ParseError(f"{name} is no number of JSON.")
