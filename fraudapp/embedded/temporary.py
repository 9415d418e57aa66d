"""Both servers in a folder that goes away with them, for tests and measurements."""

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from fraudapp.embedded.postgres import PostgresServer
from fraudapp.embedded.valkey import ValkeyServer


@dataclass(frozen=True)
class TestServers:
    """An empty PostgreSQL and an empty Valkey; `stop` ends them and removes their data."""

    __test__ = False  # pytest: not a test class

    database_url: str
    redis_url: str
    _cleanup: ExitStack

    @property
    def stream_url(self) -> str:
        return self.redis_url.replace("redis://", "valkey://", 1)

    def stop(self) -> None:
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_test_servers(*, durable: bool = False) -> TestServers:
    """Start both servers, by default without writing through to disk. Call it from the main thread."""
    with ExitStack() as cleanup:
        folder = Path(tempfile.mkdtemp(prefix="fraudapp-"))
        cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o711)  # PostgreSQL may run as another user and must get through
        postgres, valkey = (server(folder / server.name, durable=durable) for server in (PostgresServer, ValkeyServer))
        cleanup.callback(postgres.stop)
        cleanup.callback(valkey.stop)
        return TestServers(postgres.start(), valkey.start(), cleanup.pop_all())
