"""What the commands over the log have in common: times as arguments, progress on a terminal."""

import time
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import datetime

from django.core.management.base import OutputWrapper

PROGRESS_SECONDS = 2.0
# What a shell reports for a program that Ctrl-C ended.
INTERRUPTED = 130


def moment(value: str) -> datetime:
    """An RFC 3339 time with its offset."""
    try:
        at = datetime.fromisoformat(value)
    except ValueError as error:
        raise ArgumentTypeError(f"{value!r} is no time such as 2026-01-31T12:00:00Z") from error
    if at.tzinfo is None:
        raise ArgumentTypeError(f"{value!r} needs an offset, such as 2026-01-31T12:00:00Z")
    return at


def positive(value: str) -> int:
    """A whole number from 1 on."""
    if not value.isdecimal() or int(value) < 1:
        raise ArgumentTypeError(f"{value!r} is no whole number from 1 on")
    return int(value)


def seldom(out: OutputWrapper) -> Callable[[str], None]:
    """A writer of progress: at most every PROGRESS_SECONDS, and only where somebody looks."""
    told = time.monotonic()

    def tell(words: str) -> None:
        nonlocal told
        if out.isatty() and time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            out.write(words, style_func=str)

    return tell
