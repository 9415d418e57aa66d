"""What a tag may be called. Pure."""

import re

from cases.models.casework import MAX_TAG_LENGTH

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)


class TagNameError(Exception):
    """It cannot be a tag; the text says why."""


def names_in(text: str) -> list[str]:
    """Read tags as people write them, commas between: `Mule, ring 7` -> `mule`, `ring-7`.

    Raises:
        TagNameError: one of them has other letters, is too long, or there is none.
    """
    written = [part.strip().removeprefix("#").strip() for part in text.split(",")]
    names = [_name(part) for part in written if part]
    if not names:
        raise TagNameError("Write a tag first.")
    return list(dict.fromkeys(names))


def _name(written: str) -> str:
    name = re.sub(r"\s+", "-", written.lower())
    if len(name) > MAX_TAG_LENGTH:
        raise TagNameError(f"“{written[:MAX_TAG_LENGTH]}…” is too long: {MAX_TAG_LENGTH} characters at most.")
    if not _PLAIN.fullmatch(name):
        raise TagNameError(
            f"“{written}” is no tag: letters a to z, digits, - and _ only, beginning with a letter or digit."
        )
    return name
