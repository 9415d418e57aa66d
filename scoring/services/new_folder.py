"""A folder that is there whole, or not at all."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FolderError(Exception):
    """The folder cannot be made; the message says why. What was there is as it was."""


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A place to write into, which becomes `target` when all went well and is gone when not.

    What a killed process left is cleared by the next that makes the same folder.

    Raises:
        FolderError: `target` exists, is being made by another process, or cannot be made.
    """
    if target.exists():
        raise FolderError(f"{target} exists already. Name another folder, or remove it first.")
    place = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir(exist_ok=True)
        lock = os.open(place, os.O_RDONLY)
    except OSError as error:
        raise FolderError(f"{target} cannot be made: {error.strerror}.") from error
    try:
        _hold(lock, place, target)
        try:
            yield place
            _settle(place, target)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
    finally:
        os.close(lock)


def _hold(lock: int, place: Path, target: Path) -> None:
    """Be the only one to write there, and begin with nothing. The lock ends with the process."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it may have finished in between: then it is `target` by now, and not to be cleared.
        if not os.path.samestat(os.fstat(lock), place.stat()):
            raise FolderError(f"{target} is being made by another process.")
    except (BlockingIOError, FileNotFoundError) as error:
        raise FolderError(f"{target} is being made by another process.") from error
    for left in place.iterdir():
        left.unlink()


def _settle(place: Path, target: Path) -> None:
    """Give it its name once the disk has it all."""
    for path in (*place.iterdir(), place):
        file = os.open(path, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
    try:
        place.rename(target)
    except OSError as error:
        raise FolderError(f"{target} was made by somebody else meanwhile.") from error
