"""Keeps the demo's programs and servers running: logs, restarts with backoff, an orderly end."""

import logging
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Protocol

from fraudapp.embedded.process import end_group, launch

# A program that cannot stay up for a minute five times has a reason a sixth start will not remove.
CRASHES_ALLOWED = 5
CRASH_WINDOW_SECONDS = 60.0
FIRST_BACKOFF_SECONDS = 0.5
LOG_BYTES = 5_000_000
LINE_BYTES = 64_000

Tell = Callable[[str], None]


class GaveUpError(Exception):
    """Something crashed again and again; the text says what and shows its last lines."""


class Supervised(Protocol):
    """An embedded server or a program; both can be started again after a crash."""

    @property
    def name(self) -> str: ...

    def start(self) -> object: ...

    def exit_code(self) -> int | None: ...

    def stop(self) -> None: ...

    def last_lines(self) -> str: ...


class Program:
    """A child process with a session of its own, whose lines go to a log file of bounded size."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        logs: Path,
        cwd: Path | None = None,
        grace_seconds: float = 10,
        echo: Tell | None = None,
    ) -> None:
        self.name = name
        self._argv = argv
        self._env = env
        self._cwd = cwd
        self._grace_seconds = grace_seconds
        self._echo = echo
        self._log = new_log(logs / f"{name}.log", name)
        self._last_lines: deque[str] = deque(maxlen=15)
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """Start it. From the main thread: the child is killed when the starting thread ends."""
        self._process = launch(self._argv, output=subprocess.PIPE, env=self._env, cwd=self._cwd)
        self._reader = threading.Thread(target=self._read, args=[self._process.stdout], daemon=True)
        self._reader.start()

    def exit_code(self) -> int | None:
        return self._process.poll() if self._process else None

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it and everything it started."""
        if self._process and self._reader:
            end_group(self._process, signal.SIGTERM, self._grace_seconds)
            self._reader.join(timeout=2)
            self._process = None

    def last_lines(self) -> str:
        return "\n".join(self._last_lines)

    def _read(self, output: IO[bytes]) -> None:
        with output as lines, closing(self._log):  # a closed log opens again with its next line
            while line := lines.readline(LINE_BYTES):
                text = line.decode(errors="replace").rstrip()
                self._last_lines.append(text)
                self._log.handle(logging.makeLogRecord({"msg": text}))
                if self._echo:
                    self._echo(text)


def new_log(path: Path, name: str) -> RotatingFileHandler:
    """Open a log file; what the last run left there stays beside it as `.1`."""
    log = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1, delay=True)
    log.setFormatter(logging.Formatter(f"%(asctime)s [{name}] %(message)s"))
    if path.exists():
        log.doRollover()
    return log


@dataclass
class _Watched:
    part: Supervised
    crashes: deque[float] = field(default_factory=lambda: deque(maxlen=CRASHES_ALLOWED))
    start_again_at: float | None = None


class Supervisor:
    """Starts parts in order, restarts those that crash, stops them in reverse order."""

    def __init__(
        self,
        tell: Tell,
        *,
        clock: Callable[[], float] = time.monotonic,
        first_backoff_seconds: float = FIRST_BACKOFF_SECONDS,
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._first_backoff_seconds = first_backoff_seconds
        self._watched: list[_Watched] = []

    def start(self, part: Supervised) -> None:
        self._watched.append(_Watched(part))
        part.start()

    def look(self) -> None:
        """Notice crashes and restart what has waited long enough. To be called a few times a second.

        Raises:
            GaveUpError: a part crashed too often; the others still run.
        """
        for watched in self._watched:
            if watched.start_again_at is None:
                self._notice_crash(watched)
            elif watched.start_again_at <= self._clock():
                watched.start_again_at = None
                watched.part.start()

    def stop(self) -> None:
        while self._watched:
            self._watched.pop().part.stop()

    def _notice_crash(self, watched: _Watched) -> None:
        part, now = watched.part, self._clock()
        exit_code = part.exit_code()
        if exit_code is None:
            return
        part.stop()  # what it started itself may still be there
        watched.crashes.append(now)
        recent = sum(now - crash < CRASH_WINDOW_SECONDS for crash in watched.crashes)
        end = f"{part.name} ended ({describe_exit(exit_code)}). Its last lines:\n{part.last_lines()}"
        if recent == CRASHES_ALLOWED:
            raise GaveUpError(f"{recent} crashes within {CRASH_WINDOW_SECONDS:.0f} seconds: {end}")
        backoff = self._first_backoff_seconds * 2 ** (recent - 1)
        watched.start_again_at = now + backoff
        self._tell(f"{end}\n{part.name} starts again in {backoff:.1f} seconds.")


def describe_exit(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
