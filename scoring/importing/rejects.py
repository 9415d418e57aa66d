"""The file of rows that were refused, each with its number and the reasons."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from scoring.card_numbers import looks_like_card_number, mask_card_numbers
from scoring.importing.formats import Row, Unreadable
from scoring.importing.values import to_plain

REMOVED = "[card number removed]"


class Rejects:
    """Writes one JSON object a line."""

    def __init__(self, lines: IO[str]) -> None:
        self._lines = lines
        self.count = 0
        self.first = ""

    def add(self, number: int, errors: list[dict[str, str]], row: Row | Unreadable) -> None:
        """Keep a refused row; what looks like a card number is left out of it."""
        if not self.count:
            words = "; ".join(f"{error['field']}: {error['message']}".removeprefix(": ") for error in errors)
            self.first = f"row {number:,}: {words}"
        self.count += 1
        record: Any = row.text if isinstance(row, Unreadable) else row
        json.dump({"row": number, "errors": errors, "record": _masked(to_plain(record))}, self._lines)
        self._lines.write("\n")


@contextmanager
def rejects_file(path: Path) -> Iterator[Rejects]:
    """The file appears under its name at the end, also after an interruption; without rejects there is none."""
    part = path.with_name(path.name + ".part")
    rejects = None
    try:
        with part.open("w", encoding="utf-8") as lines:
            rejects = Rejects(lines)
            yield rejects
    finally:
        # A file of an earlier run must not be taken for this one's.
        if rejects is not None and (rejects.count or path.exists()):
            part.replace(path)
        else:
            part.unlink(missing_ok=True)


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _masked(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_masked(one) for one in value]
    if isinstance(value, str):
        return mask_card_numbers(value.encode(errors="surrogatepass")).decode(errors="surrogatepass")
    if isinstance(value, int | float) and looks_like_card_number(f"{value:.0f}"):
        return REMOVED
    return value
