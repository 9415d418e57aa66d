"""One server's folder: who uses it, on which port, and the process that runs there."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fraudapp.embedded.process import (
    EmbeddedServerError,
    FolderLock,
    command_of,
    end_group,
    free_port,
    last_lines,
    launch,
    wait_until,
)

START_SECONDS = 60
STOP_SECONDS = 20
# Another program can take a port between our look and the server's bind.
PORT_ATTEMPTS = 3


@dataclass
class ServerFolder:
    home: Path
    name: str
    stop_signal: signal.Signals
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    port: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.home = self.home.absolute()
        self.log = self.home / "server.log"
        self._lock = FolderLock(self.home / "lock")
        self._pid_file = self.home / "server.pid"

    def take(self) -> None:
        """Become the folder's only user and end a server that a killed run left behind.

        Raises:
            EmbeddedServerError: another process uses the folder, or its server does not end.
        """
        if not self.home.exists():
            self.home.mkdir(parents=True)
            self.home.chmod(0o711)  # whatever the umask: PostgreSQL may run as another user and must get through
        if not self._lock.acquire():
            raise EmbeddedServerError(
                f"{self.name} in {self.home} is in use by process {self._lock.holder()}; stop that one first."
            )
        self._end_leftover()

    def run(self, command: Callable[[int], Sequence[str]], is_ready: Callable[[int], bool], owner: str = "-") -> int:
        """Start the server and wait until it answers; returns its port.

        Raises:
            EmbeddedServerError: it did not start; nothing is left running.
        """
        for _ in range(PORT_ATTEMPTS):
            port = self._choose_port()
            if self._answers(command(port), partial(is_ready, port), owner):
                self.port = port
                return port
            self.end_process()
            if "in use" not in self.last_lines(20):
                break
        raise EmbeddedServerError(f"{self.name} did not start. Its last words:\n{self.last_lines()}")

    def _choose_port(self) -> int:
        port = free_port(remembered=self.home / "port")
        if self.port and port != self.port:
            raise EmbeddedServerError(f"{self.name} ended, and another program took its port {self.port} meanwhile.")
        return port

    def _answers(self, argv: Sequence[str], is_ready: Callable[[], bool], owner: str) -> bool:
        with self.log.open("wb") as output:
            self.process = launch(argv, output=output, death_signal=self.stop_signal, owner=owner, cwd=Path("/"))
        self._pid_file.write_text(str(self.process.pid))
        answered = wait_until(lambda: self.exit_code() is not None or is_ready(), seconds=START_SECONDS)
        return answered and self.exit_code() is None

    def exit_code(self) -> int | None:
        return self.process.poll() if self.process else None

    def last_lines(self, count: int = 5) -> str:
        return last_lines(self.log, count)

    def end_process(self) -> None:
        if self.process:
            end_group(self.process, self.stop_signal, STOP_SECONDS)
            self.process = None
            self._pid_file.unlink(missing_ok=True)

    def leave(self) -> None:
        """Stop the server and let others use the folder."""
        self.end_process()
        self._lock.release()

    def _end_leftover(self) -> None:
        """End a server of this folder that runs without us; its command line tells it from a reused pid."""
        if self.process or not self._pid_file.exists():
            return
        pid = int(self._pid_file.read_text() or 0)
        for end_signal in (self.stop_signal, signal.SIGKILL):
            if not self._is_ours(pid):
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, end_signal)
            wait_until(lambda: not self._is_ours(pid), seconds=STOP_SECONDS)
        if self._is_ours(pid):
            raise EmbeddedServerError(f"{self.name} of an earlier run, process {pid}, does not end; end it by hand.")
        self._pid_file.unlink()

    def _is_ours(self, pid: int) -> bool:
        return pid > 0 and f"{self.home}/" in command_of(pid)
