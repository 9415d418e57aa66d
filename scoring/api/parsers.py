"""Reading request bodies that are not payments (those have their own decoder)."""

from collections.abc import Mapping
from io import BytesIO
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
    """JSON of a bounded size; nesting that Python cannot follow is the sender's fault, not ours."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise TooLargeError
        try:
            return super().parse(BytesIO(body), media_type, parser_context)
        except RecursionError as error:
            raise ParseError("JSON is nested too deep.") from error
