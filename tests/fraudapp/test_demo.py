"""The demo's course, with a small application in the product's place: real servers, real processes."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from fraudapp import demo as demo_module
from fraudapp.demo_settings import environment, keep_secrets
from fraudapp.embedded import free_port
from fraudapp.embedded.process import wait_until

PACKAGE = Path(demo_module.__file__).parent
MANAGE = """
import json, os, sys, time
command = sys.argv[1]
print("running", command, flush=True)
if command == os.environ.get("FAILING_STEP"):
    sys.exit("no luck today")
if command == "prepare_demo":
    kept = json.load(open(os.environ["DEMO_SECRETS"]))
    passwords = kept["passwords"].items()
    users = [{"username": name, "password": word, "role": "analyst"} for name, word in passwords]
    json.dump({"users": users, "api_key": kept["api_key"]}, open(sys.argv[3], "w"))
if command == "simulate":
    if os.environ.get("SIMULATOR_CRASHES"):
        sys.exit("the simulator's reason")
    time.sleep(600)
"""
ASGI = """
async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        for _ in range(2):
            message = await receive()
            await send({"type": message["type"] + ".complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ready"})
"""
CELERY = """
import os
import click
from celery import Celery
app = Celery("fraudapp", broker=os.environ["REDIS_URL"])
app.user_options["worker"].add(click.Option(["--stream"], is_flag=True))
"""


@dataclass
class SmallDemo:
    folder: Path
    port: int

    @property
    def data(self) -> Path:
        return self.folder / ".data"

    def call(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        return subprocess.run(
            [sys.executable, "-m", "fraudapp.demo", *arguments],
            env={**kept, "PORT": str(self.port), **variables},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def processes(self) -> list[psutil.Process]:
        """Every process of this demo: the folder is their working folder or on their command line."""
        return [process for process in psutil.process_iter(["cmdline", "cwd"]) if self._is_mine(process)]

    def _is_mine(self, process: psutil.Process) -> bool:
        return process.info["cwd"] == str(self.folder) or str(self.folder) in " ".join(process.info["cmdline"] or [])

    def facts(self) -> dict[str, object]:
        return json.loads((self.data / "demo.json").read_text())


@pytest.fixture
def small_demo() -> Iterator[SmallDemo]:
    folder = Path(tempfile.mkdtemp(prefix="fraudapp-test-")).resolve()
    folder.chmod(0o711)
    shutil.copytree(PACKAGE, folder / "fraudapp", ignore=shutil.ignore_patterns("__pycache__", "settings.py"))
    for name, text in {"manage.py": MANAGE, "fraudapp/asgi.py": ASGI, "fraudapp/celery.py": CELERY}.items():
        (folder / name).write_text(text)
    for name in ("fraudapp/__init__.py", "requirements.txt"):
        (folder / name).write_text("")
    demo = SmallDemo(folder, free_port())
    yield demo
    demo.call("stop")
    shutil.rmtree(folder)


def test_detached_demo_announces_itself_answers_and_ends_without_a_trace(small_demo):
    started = small_demo.call("--detach")

    assert started.returncode == 0, started.stdout
    facts = small_demo.facts()
    assert set(facts) == {"url", "users", "api_key", "stream_url", "database_url", "redis_url"}
    assert facts["url"] in started.stdout
    (line,) = (line for line in started.stdout.splitlines() if line.startswith("  curl"))
    assert facts["api_key"] not in started.stdout
    assert subprocess.check_output(["bash", "-c", line]) == b"ready"
    assert [user["username"] for user in facts["users"]] == ["alice", "bob", "carol", "dave", "erin"]
    assert (small_demo.data / "demo.json").stat().st_mode & 0o777 == 0o600
    connection = http.client.HTTPConnection("127.0.0.1", small_demo.port)
    connection.request("GET", "/readyz")
    assert connection.getresponse().status == 200
    connection.close()
    names = {log.stem for log in (small_demo.data / "logs").glob("*.log")}
    assert {"web", "simulator", "prepare_demo"} <= names

    again = small_demo.call("--detach")
    assert (again.returncode, "running already" in again.stdout) == (1, True)
    assert "make stop" in small_demo.call("clean").stdout

    assert small_demo.call("stop").returncode == 0
    assert small_demo.processes() == []
    assert not (small_demo.data / "demo.json").exists()
    assert small_demo.call("clean").returncode == 0
    assert not small_demo.data.exists()


def test_killing_the_demo_leaves_no_process_and_it_starts_again(small_demo):
    assert small_demo.call("--detach").returncode == 0
    first = small_demo.facts()

    os.kill(int((small_demo.data / "demo.pid").read_text()), signal.SIGKILL)

    assert wait_until(lambda: not small_demo.processes(), seconds=20)
    assert small_demo.call("--detach").returncode == 0
    assert small_demo.facts() == first


def test_a_crashed_database_comes_back(small_demo):
    assert small_demo.call("--detach").returncode == 0
    pid_file = small_demo.data / "postgres/server.pid"
    first = int(pid_file.read_text())

    os.kill(first, signal.SIGKILL)

    assert wait_until(lambda: pid_file.exists() and pid_file.read_text() not in ("", str(first)), seconds=20)
    assert wait_until(lambda: "PostgreSQL ended" in (small_demo.data / "logs/demo.log").read_text(), seconds=20)


def test_a_program_that_keeps_crashing_ends_the_demo_with_its_reason(small_demo):
    ended = small_demo.call(SIMULATOR_CRASHES="1")

    assert ended.returncode == 1
    assert "5 crashes within 60 seconds: simulator" in ended.stdout
    assert "the simulator's reason" in ended.stdout
    assert small_demo.processes() == []


def test_a_failing_step_ends_the_demo_with_its_words(small_demo):
    ended = small_demo.call("--detach", FAILING_STEP="migrate")

    assert ended.returncode == 1
    assert "no luck today" in ended.stdout
    assert "`manage.py migrate` failed" in ended.stdout
    assert small_demo.processes() == []


def test_a_busy_port_is_told_with_a_way_out(small_demo):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", small_demo.port))
        busy.listen()

        refused = small_demo.call()

    assert refused.returncode == 1
    assert refused.stdout == f"Port {small_demo.port} is busy or not allowed; choose another one: PORT=8123 make demo\n"


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(port, monkeypatch):
    monkeypatch.setenv("PORT", port)

    with pytest.raises(demo_module.DemoError, match=f"PORT is {port}"):
        demo_module.chosen_port()


def test_a_full_disk_is_told_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=500_000_000))

    with pytest.raises(demo_module.DemoError, match=r"Only 0\.5 GB are free"):
        demo_module.require_room(tmp_path)


def test_stopping_when_nothing_runs_says_so(small_demo):
    stopped = small_demo.call("stop")

    assert (stopped.returncode, stopped.stdout) == (0, "No demo is running.\n")


def test_addresses_somebody_has_set_stay(tmp_path):
    given = {"REDIS_URL": "redis://mine", "STREAM_URL": "kafka://mine:9092", "PYTHONDONTWRITEBYTECODE": "1"}

    result = environment(given, tmp_path, keep_secrets(tmp_path / "secrets.json"))

    assert (result["REDIS_URL"], result["STREAM_URL"]) == ("redis://mine", "kafka://mine:9092")
    assert "PYTHONDONTWRITEBYTECODE" not in result


def test_secrets_are_made_once_and_differ_between_folders(tmp_path):
    first = keep_secrets(tmp_path / "secrets.json")

    assert keep_secrets(tmp_path / "secrets.json") == first
    assert keep_secrets(tmp_path / "others.json")["secret_key"] != first["secret_key"]
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
