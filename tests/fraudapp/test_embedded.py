"""The embedded servers, really started."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from fraudapp.embedded import (
    EmbeddedServerError,
    PostgresServer,
    ValkeyServer,
    postgres_programs,
    start_test_servers,
)
from fraudapp.embedded.process import command_of, wait_until

OWNER = """
import json, sys, time
from pathlib import Path
from fraudapp.embedded import PostgresServer, ValkeyServer
servers = [PostgresServer(Path(sys.argv[1]) / "postgres"), ValkeyServer(Path(sys.argv[1]) / "valkey")]
urls = [server.start() for server in servers]
print(json.dumps({"urls": urls, "pids": [server.pid for server in servers]}), flush=True)
time.sleep(600)
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="about what is different for root")


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder PostgreSQL's user may enter too, unlike `tmp_path` of root."""
    folder = Path(tempfile.mkdtemp(prefix="fraudapp-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def run_sleeper() -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Start processes that do nothing, with a word on their command line that others can see."""
    sleepers = []

    def run(word: str) -> subprocess.Popen[bytes]:
        sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", word])
        sleepers.append(sleeper)
        # For an instant after the start the system shows an empty command line.
        assert wait_until(lambda: word in command_of(sleeper.pid), seconds=20)
        return sleeper

    yield run
    for sleeper in sleepers:
        sleeper.kill()
        sleeper.wait()


def run_sql(url: str, text: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        cursor = connection.execute(text.encode())
        return cursor.fetchall() if cursor.description else []


def client_of(url: str) -> contextlib.closing[redis.Redis]:
    return contextlib.closing(redis.Redis.from_url(url, decode_responses=True))


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@contextlib.contextmanager
def another_process_owning_servers_in(
    home: Path,
) -> Iterator[tuple[subprocess.Popen[str], dict[str, list[object]]]]:
    command = [sys.executable, "-c", OWNER, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        try:
            yield owner, json.loads(owner.stdout.readline())
        finally:
            owner.kill()


def test_postgres_keeps_data_and_address_over_a_restart(home):
    with PostgresServer(home / "postgres") as server:
        first_url = server.url
        run_sql(first_url, "CREATE TABLE kept AS SELECT 1 AS one")

    with PostgresServer(home / "postgres") as server:
        assert run_sql(server.url, "SELECT one FROM kept") == [(1,)]
        assert server.url == first_url


def test_valkey_keeps_data_and_address_over_a_restart(home):
    with ValkeyServer(home / "valkey") as server:
        first_url = server.url
        with client_of(first_url) as client:
            client.set("kept", "1")

    with ValkeyServer(home / "valkey") as server, client_of(server.url) as client:
        assert client.get("kept") == "1"
        assert server.url == first_url


def test_nobody_enters_without_the_password(home):
    with PostgresServer(home / "postgres") as database, ValkeyServer(home / "valkey") as valkey:
        without = redis.Redis(port=int(valkey.url.split(":")[-1].split("/")[0]))
        password = database.url.split(":")[2].split("@")[0]

        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(database.url.replace(password, "guess"))
        with contextlib.closing(without), pytest.raises(redis.AuthenticationError):
            without.ping()


def test_passwords_are_for_their_owner_only_and_on_no_command_line(home):
    with PostgresServer(home / "postgres") as database, ValkeyServer(home / "valkey") as valkey:
        for server, folder in ((database, "postgres"), (valkey, "valkey")):
            file = home / folder / "password"

            assert file.stat().st_mode & 0o777 == 0o600
            assert file.read_text() not in " ".join(psutil.Process(server.pid).cmdline())


def test_a_folder_in_use_is_refused_with_the_user_named(home):
    with (
        ValkeyServer(home / "valkey"),
        pytest.raises(EmbeddedServerError, match=rf"is in use by process {os.getpid()}"),
    ):
        ValkeyServer(home / "valkey").start()


def test_killing_the_owner_leaves_no_server_and_loses_no_data(home):
    with another_process_owning_servers_in(home) as (owner, servers):
        run_sql(servers["urls"][0], "CREATE TABLE kept AS SELECT 1 AS one")
        processes = [process for pid in servers["pids"] for process in psutil.Process(pid).children(recursive=True)]

        owner.send_signal(signal.SIGKILL)

        pids = [*servers["pids"], *(process.pid for process in processes)]
        assert wait_until(lambda: all(is_gone(pid) for pid in pids), seconds=20)
    with PostgresServer(home / "postgres") as server:
        assert run_sql(server.url, "SELECT one FROM kept") == [(1,)]


def test_starting_right_after_the_owner_was_killed_works(home):
    with another_process_owning_servers_in(home) as (owner, _):
        owner.send_signal(signal.SIGKILL)
        owner.wait()

        with PostgresServer(home / "postgres") as server:
            assert run_sql(server.url, "SELECT 1") == [(1,)]


def test_a_server_that_outlived_its_run_is_ended(home, run_sleeper):
    (home / "valkey").mkdir()
    leftover = run_sleeper(f"{home}/valkey/valkey.conf")
    (home / "valkey/server.pid").write_text(str(leftover.pid))

    with ValkeyServer(home / "valkey"):
        assert leftover.wait(timeout=20) == -signal.SIGTERM


def test_a_stranger_with_the_pid_of_an_old_server_is_left_alone(home, run_sleeper):
    with PostgresServer(home / "postgres"):
        pass
    stranger = run_sleeper("stranger")
    (home / "postgres/server.pid").write_text(str(stranger.pid))
    (home / "postgres/data/postmaster.pid").write_text(f"{stranger.pid}\n")

    with PostgresServer(home / "postgres"):
        assert stranger.poll() is None


def test_a_port_taken_meanwhile_is_replaced(home):
    with ValkeyServer(home / "valkey"):
        pass
    port = int((home / "valkey/port").read_text())

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with ValkeyServer(home / "valkey") as server:
            assert f":{port}/" not in server.url


def test_a_server_that_cannot_start_says_its_last_words(home):
    with PostgresServer(home / "postgres"):
        pass
    (home / "postgres/data/postgresql.conf").write_text("no_such_setting = 1\n")

    with pytest.raises(EmbeddedServerError, match=r"did not start(?s:.*)no_such_setting"):
        PostgresServer(home / "postgres").start()


def test_a_wrong_postgres_bin_is_named(home, monkeypatch):
    monkeypatch.setenv("POSTGRES_BIN", str(home))

    with pytest.raises(EmbeddedServerError, match=f"POSTGRES_BIN is {home}"):
        PostgresServer(home / "postgres").start()


def test_only_the_test_servers_trade_durability_for_speed(home):
    with start_test_servers() as servers, PostgresServer(home / "postgres") as durable:
        assert run_sql(servers.database_url, "SHOW fsync") == [("off",)]
        assert run_sql(durable.url, "SHOW fsync") == [("on",)]


def test_test_servers_leave_no_process():
    before = {child.pid for child in psutil.Process().children()}

    with start_test_servers():
        started = {child.pid for child in psutil.Process().children()} - before

    assert len(started) == 2
    assert all(is_gone(pid) for pid in started)


@needs_root
def test_postgres_never_runs_as_root(home):
    with PostgresServer(home / "postgres") as server:
        assert psutil.Process(server.pid).uids().effective != 0


@needs_root
def test_a_folder_postgres_may_not_enter_is_named(home):
    locked = home / "locked"
    locked.mkdir(mode=0o700)

    with pytest.raises(EmbeddedServerError, match=rf"may not enter {locked}, .* FRAUDAPP_DATA"):
        PostgresServer(locked / "postgres").start()


@needs_root
def test_programs_postgres_may_not_reach_are_copied(home, monkeypatch):
    monkeypatch.setattr(
        postgres_programs, "blocked_folder", lambda path, user: None if path.is_relative_to(home) else path
    )

    with PostgresServer(home / "postgres") as server:
        assert Path(psutil.Process(server.pid).exe()).is_relative_to(home)


def test_importing_the_servers_needs_no_settings():
    check = "import sys, fraudapp.embedded; sys.exit('fraudapp.settings' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
