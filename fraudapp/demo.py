"""`python -m fraudapp.demo [--detach] | stop | clean | manage COMMAND`: the whole product, with servers of its own."""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from fraudapp.demo_checks import DemoError, are_static_files_stale, chosen_port, is_ready, require_room
from fraudapp.demo_settings import environment, keep_secrets, programs
from fraudapp.embedded import EmbeddedServerError, FolderLock, PostgresServer, ValkeyServer
from fraudapp.embedded.postgres_programs import blocked_folder, server_user
from fraudapp.embedded.process import command_of, wait_until, write_private
from fraudapp.supervisor import GaveUpError, Program, Supervisor

BASE_DIR = Path(__file__).resolve().parent.parent
READY_SECONDS = 180
STOP_SECONDS = 90


class StopRequestedError(Exception):
    """Ctrl-C, `make stop` or the end of the terminal."""


def tell(text: str) -> None:
    print(text, flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m fraudapp.demo", description=__doc__)
    parser.add_argument("action", nargs="?", choices=["start", "stop", "clean", "manage"], default="start")
    parser.add_argument("--detach", action="store_true", help="return when the demo is ready and leave it running")
    options, rest = parser.parse_known_args(arguments)
    if rest and options.action != "manage":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    demo = Demo(Path(os.environ.get("FRAUDAPP_DATA") or BASE_DIR / ".data").absolute())
    actions: dict[str, Callable[[], None]] = {
        "start": demo.start_detached if options.detach else demo.run,
        "stop": demo.stop,
        "clean": demo.clean,
        "manage": lambda: demo.manage(rest),
    }
    try:
        actions[options.action]()
    except StopRequestedError:
        tell("Stopped.")
    except (DemoError, EmbeddedServerError, GaveUpError) as error:
        tell(str(error))
        return 1
    return 0


class Demo:
    """One demo in one data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.logs = data / "logs"
        self.announcement = data / "demo.json"
        self.credentials = data / "credentials.json"
        self.lock = FolderLock(data / "demo.pid")

    def run(self) -> None:
        """Run until told to stop. Raises: DemoError, EmbeddedServerError, GaveUpError."""
        on_stop_signals(_request_stop)
        self._make_folders()
        with self.lock.held("The demo is running already (process {pid}). `make stop` ends it."):
            self.announcement.unlink(missing_ok=True)
            port = chosen_port()
            require_room(self.data)
            supervisor = Supervisor(tell)
            try:
                self._run(supervisor, port)
            finally:
                on_stop_signals(signal.SIG_IGN)  # the end is under way; a second Ctrl-C must not cut it short
                self.announcement.unlink(missing_ok=True)
                supervisor.stop()

    def _run(self, supervisor: Supervisor, port: int) -> None:
        env = self._start_servers(supervisor)
        self._prepare(env)
        for name, argv in programs(port, self.data).items():
            supervisor.start(Program(name, argv, env=env, logs=self.logs, cwd=BASE_DIR))
        tell("Starting the web server, the workers and the simulator.")
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready(port):
            if time.monotonic() > deadline:
                raise DemoError(f"The pages did not come up within {READY_SECONDS} seconds; see {self.logs}/web.log.")
            supervisor.look()
            time.sleep(0.2)
        self._announce(port, env)
        while True:
            supervisor.look()
            time.sleep(0.2)

    def _start_servers(self, supervisor: Supervisor) -> dict[str, str]:
        given = dict(os.environ)
        if not given.get("DATABASE_URL"):
            tell("Starting PostgreSQL.")
            postgres = PostgresServer(self._postgres_home())
            supervisor.start(postgres)
            given["DATABASE_URL"] = postgres.url
        if not given.get("REDIS_URL"):
            tell("Starting Valkey.")
            valkey = ValkeyServer(self.data / "valkey")
            supervisor.start(valkey)
            given["REDIS_URL"] = valkey.url
        return environment(given, self.data, keep_secrets(self.data / "secrets.json"))

    def _postgres_home(self) -> Path:
        """Return where PostgreSQL keeps its data: elsewhere if root runs a clone closed to others."""
        home = self.data / "postgres"
        if home.exists() or "FRAUDAPP_DATA" in os.environ or not blocked_folder(self.data, server_user()):
            return home.resolve()
        elsewhere = Path(tempfile.mkdtemp(prefix="fraudapp-", dir="/var/tmp"))  # noqa: S108 (unguessable)
        elsewhere.chmod(0o711)
        home.unlink(missing_ok=True)  # left when somebody emptied /var/tmp
        home.symlink_to(elsewhere)
        tell(f"PostgreSQL does not run as root, and only root may enter here: its data is in {elsewhere}.")
        return elsewhere

    def _prepare(self, env: dict[str, str]) -> None:
        self._step("migrate", ["migrate", "--no-input", "--verbosity=0"], env)
        if are_static_files_stale():
            self._step("collectstatic", ["collectstatic", "--no-input", "--verbosity=0"], env)
        self._step("prepare_demo", ["prepare_demo", "--credentials", str(self.credentials)], env)
        self.credentials.chmod(0o600)

    def _step(self, name: str, command: list[str], env: dict[str, str]) -> None:
        argv = [sys.executable, str(BASE_DIR / "manage.py"), *command]
        step = Program(name, argv, env=env, logs=self.logs, cwd=BASE_DIR, echo=tell)
        step.start()
        try:
            while (exit_code := step.exit_code()) is None:
                time.sleep(0.05)
        finally:
            step.stop()
        if exit_code:
            raise DemoError(f"`manage.py {name}` failed (exit code {exit_code}); see {self.logs}/{name}.log.")

    def _announce(self, port: int, env: dict[str, str]) -> None:
        """Write the file programs read, then tell people."""
        credentials = json.loads(self.credentials.read_text())
        facts = {
            "url": f"http://127.0.0.1:{port}",
            "users": credentials["users"],
            "api_key": credentials["api_key"],
            "stream_url": env["STREAM_URL"],
            "database_url": env["DATABASE_URL"],
            "redis_url": env["REDIS_URL"],
        }
        write_private(self.announcement, json.dumps(facts, indent=2) + "\n")
        tell(f"\nReady: {facts['url']}\n")
        for user in credentials["users"]:
            tell(f"  {user['username']:<8} {user['password']:<26} {user['role']}")
        tell(f"\nDecide a payment:\n  {first_call(facts['url'], self.announcement)}")
        tell(f"\nAPI key and addresses: {self.announcement}\nLogs: {self.logs}\nStop: Ctrl-C, or `make stop`.")

    def start_detached(self) -> None:
        """Start the demo in the background and return when it is ready. Raises: DemoError with its reason."""
        self._make_folders()
        if pid := self.lock.holder():
            raise DemoError(f"The demo is running already (process {pid}). `make stop` ends it.")
        self.announcement.unlink(missing_ok=True)
        log = self.logs / "demo.log"
        with log.open("wb") as output:
            demo = subprocess.Popen(
                [sys.executable, "-m", "fraudapp.demo"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=BASE_DIR,
            )
        on_stop_signals(_request_stop)
        with log.open(errors="replace") as lines:
            try:
                while demo.poll() is None and not self.announcement.exists():
                    time.sleep(0.1)
                    show(lines.read())
            except StopRequestedError:
                demo.terminate()
                demo.wait()
                raise
            finally:
                show(lines.read())
        if demo.poll() is not None:
            raise DemoError("The demo did not start.")

    def stop(self) -> None:
        """End a running demo, detached or not."""
        pid = self.lock.holder() if self.data.exists() else None
        if not pid:
            tell("No demo is running.")
            return
        os.kill(pid, signal.SIGTERM)
        # The lock goes a moment before the process; a zombie, which its parent has yet to look at, has no command line.
        if not wait_until(lambda: self.lock.holder() != pid and not command_of(pid), seconds=STOP_SECONDS):
            os.kill(pid, signal.SIGKILL)  # its children go with it
            raise DemoError(f"The demo (process {pid}) did not end within {STOP_SECONDS} seconds and was killed.")
        tell("Stopped.")

    def manage(self, command: list[str]) -> None:
        """Become `manage.py COMMAND` on the running demo. Raises: DemoError where none runs."""
        if not self.announcement.exists():
            raise DemoError("No demo is running; `make demo` starts one.")
        facts = json.loads(self.announcement.read_text())
        given = {**os.environ, "DATABASE_URL": facts["database_url"], "REDIS_URL": facts["redis_url"]}
        env = environment(given, self.data, keep_secrets(self.data / "secrets.json"))
        os.execve(sys.executable, [sys.executable, str(BASE_DIR / "manage.py"), *command], env)  # noqa: S606

    def clean(self) -> None:
        """Remove everything the demo keeps."""
        if not self.data.exists():
            return
        with self.lock.held("The demo is running (process {pid}); `make stop` first."):
            postgres = self.data / "postgres"
            if postgres.is_symlink():
                shutil.rmtree(postgres.resolve(), ignore_errors=True)
            shutil.rmtree(self.data)
        tell(f"Removed {self.data}.")

    def _make_folders(self) -> None:
        if not self.data.exists():
            self.data.mkdir(parents=True)
            self.data.chmod(0o711)  # whatever the umask: PostgreSQL may run as another user and must get through
        self.logs.mkdir(mode=0o700, exist_ok=True)


def on_stop_signals(handler: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)  # type: ignore[arg-type]


def _request_stop(*_: object) -> NoReturn:
    raise StopRequestedError


def first_call(url: str, announcement: Path) -> str:
    """A line for a shell that decides a payment. It reads the key from the file: what is printed may be kept."""
    key = f"""$(sed -n 's/.*"api_key": "\\(.*\\)",/\\1/p' {shlex.quote(str(announcement))})"""
    payment = {
        "transaction_id": "mine-'$(date +%s)'",
        "occurred_at": "'$(date -u +%FT%TZ)'",
        "amount": "1249.00",
        "currency": "EUR",
        "card_id": "card-000001",
        "merchant_id": "shop-1",
        "channel": "ecommerce",
    }
    headers = f"-H \"Authorization: Bearer {key}\" -H 'Content-Type: application/json'"
    return f"curl -s {url}/api/v1/decisions/ {headers} -d '{json.dumps(payment)}'"


def show(text: str) -> None:
    if text:
        tell(text.rstrip("\n"))


if __name__ == "__main__":
    sys.exit(main())
