"""What servers and supervisor share: child processes that end with us, ports, locks, small secrets."""

import contextlib
import errno
import fcntl
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

LAUNCHER = Path(__file__).with_name("launch.py")
# Below the range systems take outgoing connections' ports from (32768 and up on Linux, 49152 on macOS): a
# remembered port is then not lost to a passing client.
PORTS = range(20_000, 32_000)
POLL_SECONDS = 0.05


class EmbeddedServerError(Exception):
    """A server could not be started or stopped; the text says why and what to do."""


def launch(
    argv: Sequence[str | Path],
    *,
    output: int | IO[bytes],
    death_signal: signal.Signals = signal.SIGKILL,
    owner: str = "-",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own that receives `death_signal` if this process is killed.

    Call it from a thread that lives as long as the child should: the kernel watches the thread, not us.
    `owner` is `uid:gid` to run as, or `-`.
    """
    arguments = [str(os.getpid()), str(int(death_signal)), owner, *map(str, argv)]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(LAUNCHER), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=env,
        cwd=cwd,
        start_new_session=True,
    )


def end_group(process: subprocess.Popen[bytes], stop_signal: signal.Signals, grace_seconds: float) -> None:
    """Ask the process to stop, wait, then kill whatever is left of its group. Safe to call twice."""
    if process.poll() is None:
        process.send_signal(stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_seconds)
    # PermissionError: macOS says so of a group in which only zombies are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Poll until the condition holds; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def is_port_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose old connections are still timing out counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) != 0


def free_port(remembered: Path | None = None) -> int:
    """Find a free port of 127.0.0.1: the one written in `remembered` if it still is, else write another."""
    ports = random.sample(PORTS, 100)  # noqa: S311 (a port, not a secret)
    if remembered and remembered.exists():
        ports.insert(0, int(remembered.read_text()))
    for port in ports:
        if is_port_free(port):
            if remembered:
                remembered.write_text(str(port))
            return port
    raise EmbeddedServerError("No free port of 127.0.0.1 was found; something on this machine holds most of them.")


def kept_secret(path: Path) -> str:
    """Return the secret in the file, made at random (256 bits) and readable by its owner only when new."""
    if not path.exists():
        write_private(path, secrets.token_hex(32))
    return path.read_text()


def write_private(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner only."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


def last_lines(log: Path, count: int = 5) -> str:
    """Return the end of a log file, for a message to a person."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def command_of(pid: int) -> str:
    """Return a process's command line, empty when there is no such process."""
    if sys.platform == "linux":
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return ""
    else:
        ps = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
        command = subprocess.run(ps, capture_output=True, check=False).stdout
    return command.replace(b"\0", b" ").decode(errors="replace")


class FolderLock:
    """One process at a time may use a folder. The kernel lets go when the holder dies, however it dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def acquire(self) -> bool:
        """Take the lock and write our pid into it; False when another process holds it."""
        file = self.path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file
        return True

    def release(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def holder(self) -> int | None:
        """Return the pid of the process that holds the lock, None when nobody does."""
        if not self.path.exists():
            return None
        with self.path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(file.read() or 0) or None
        return None

    @contextlib.contextmanager
    def held(self, sentence: str) -> Iterator[None]:
        """Hold the lock. Raises: EmbeddedServerError with `sentence` (with its `{pid}`) if another has it."""
        if not self.acquire():
            raise EmbeddedServerError(sentence.format(pid=self.holder()))
        try:
            yield
        finally:
            self.release()
