"""The product's processes and servers, started to be killed: by a supervisor's hand, each with a log of its own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import redis

from fraudapp.embedded.postgres import PostgresServer
from fraudapp.embedded.process import end_group, launch
from fraudapp.embedded.valkey import ValkeyServer

BASE_DIR = Path(__file__).resolve().parent.parent.parent
_CELERY = ("-m", "celery", "-A", "fraudapp", "worker", "--without-gossip", "--without-mingle", "--pool")
STREAM_WORKER = (*_CELERY, "solo", "-Q", "stream-control", "--stream", "-n", "{name}@%h")
TASK_WORKER = (*_CELERY, "threads", "--concurrency", "1", "-n", "{name}@%h")
WEB = ("-m", "uvicorn", "fraudapp.asgi:application", "--lifespan", "on", "--port", "{port}", "--log-level", "warning")
STOP_SECONDS = 45.0


class Process:
    """One process of the product. `is_kept`: started again by `revive` whenever it has ended by itself.

    environment: what it is given besides ours; None takes away.
    """

    def __init__(self, name: str, arguments: tuple[str, ...], log: Path, **environment: str | None) -> None:
        self.name = name
        self.log = log
        self.is_kept = True
        self.exit_codes: list[int] = []
        self._arguments = [argument.format(name=name, **environment) for argument in arguments]
        given = os.environ | environment
        self._environment = {name: value for name, value in given.items() if value is not None}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            command = [sys.executable, *self._arguments]
            self._process = launch(command, output=out, env=self._environment, cwd=BASE_DIR)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def revive(self) -> None:
        """What a supervisor does: start again what has ended."""
        if self.is_kept and self._process is not None and not self.is_running():
            self.exit_codes.append(self._process.returncode)
            self.start()

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def wait(self, seconds: float) -> int:
        """The code it ends with by itself. Raises: subprocess.TimeoutExpired."""
        assert self._process is not None
        return self._process.wait(seconds)

    def stop(self) -> int | None:
        """End it warmly; its code, None when it never ran."""
        if self._process is None:
            return None
        self.is_kept = False
        end_group(self._process, signal.SIGTERM, STOP_SECONDS)
        return self._process.returncode

    def text(self) -> str:
        return self.log.read_text(errors="replace")


def kill_valkey(server: ValkeyServer) -> None:
    """`kill -9`; `start` brings it back on its port with what its log holds."""
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.stop()


def signal_postgres(server: PostgresServer, number: signal.Signals) -> None:
    """Signal PostgreSQL and all its backends, which are in groups of their own."""
    assert server.pid is not None
    main = psutil.Process(server.pid)
    # What stands still starts no new ones.
    for one in (main, *main.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            one.send_signal(number)


def empty_valkey(home: Path) -> None:
    """Take a stopped Valkey its data."""
    shutil.rmtree(home / "data")


def keep_log(server: ValkeyServer) -> None:
    """Have a Valkey go on with one append-only log: a new one would not hold what `cut_log` is to leave."""
    with redis.Redis.from_url(server.url) as client:
        client.config_set("auto-aof-rewrite-percentage", 0)


def log_size(home: Path) -> int:
    """Bytes in the append-only log that a running Valkey writes to."""
    return _newest_log(home).stat().st_size


def cut_log(home: Path, size: int) -> int:
    """Let a stopped Valkey have lost what it wrote after its log had this size; the bytes lost."""
    log = _newest_log(home)
    lost = log.stat().st_size - size
    assert lost >= 0, "the log was begun anew meanwhile"
    os.truncate(log, size)
    return lost


def _newest_log(home: Path) -> Path:
    return max((home / "data" / "appendonlydir").glob("*.incr.aof"), key=lambda log: log.stat().st_mtime)


def wait_for(done: Callable[[], bool], *, what: str, seconds: float, each: Callable[[], None]) -> None:
    """Poll until done, doing `each` in between.

    Raises:
        TimeoutError: it did not happen in time.
    """
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        each()
        time.sleep(0.03)


def tails(processes: Mapping[str, Process], lines: int = 15) -> str:
    """The last words of each process, for whoever looks for the reason."""
    return "\n".join(
        f"--- {name}\n" + "\n".join(process.text().splitlines()[-lines:]) for name, process in processes.items()
    )
