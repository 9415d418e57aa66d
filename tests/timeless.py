"""What a page or answer says beside times: a fraction of a second can look like a number that must not be there."""

import re

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?")


def without_instants(text: str) -> str:
    return _INSTANT.sub("", text)
