"""Waiting for another process, with an end."""

import time
from collections.abc import Callable


def wait_until(done: Callable[[], object], *, seconds: float = 60, every: float = 0.05) -> None:
    """Poll until `done` is true; fail when it does not become so in time."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"did not happen within {seconds:.0f} s"
        time.sleep(every)
