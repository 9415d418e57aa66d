"""Restarting, giving up, stopping: with small programs, and with invented ones where time matters."""

import os
import signal
import sys
import time
from dataclasses import dataclass, field

import psutil
import pytest

from fraudapp.embedded.process import wait_until
from fraudapp.supervisor import GaveUpError, Program, Supervisor

SLEEP = "import time; print('awake', flush=True); time.sleep(600)"
CRASH = "import sys; print('the reason is here', flush=True); sys.exit(3)"
CRASH_ONCE = """
import pathlib, sys, time
flag = pathlib.Path(sys.argv[1])
if flag.exists():
    time.sleep(600)
flag.touch()
print("oh no")
sys.exit(3)
"""
WITH_CHILD = """
import signal, subprocess, sys, time
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", deaf])
print(child.pid, flush=True)
time.sleep(600)
"""


@dataclass
class FakePart:
    name: str
    events: list[str] = field(default_factory=list)
    code: int | None = None

    def start(self) -> None:
        self.events.append(f"start {self.name}")
        self.code = None

    def stop(self) -> None:
        self.events.append(f"stop {self.name}")

    def exit_code(self) -> int | None:
        return self.code

    def last_lines(self) -> str:
        return "last words"


@dataclass
class FakeClock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def run_program(tmp_path):
    started = []

    def run(code: str, **options: object) -> Program:
        program = Program("small", [sys.executable, "-c", code], env=dict(os.environ), logs=tmp_path, **options)
        program.start()
        started.append(program)
        return program

    yield run
    for program in started:
        program.stop()


def test_a_crashed_program_is_told_and_started_again(tmp_path):
    told: list[str] = []
    supervisor = Supervisor(told.append, first_backoff_seconds=0.01)
    flag = tmp_path / "crashed-once"
    argv = [sys.executable, "-c", CRASH_ONCE, str(flag)]
    program = Program("small", argv, env=dict(os.environ), logs=tmp_path)
    supervisor.start(program)

    def is_running_again() -> bool:
        supervisor.look()
        return bool(told) and program.is_running()

    assert wait_until(is_running_again, seconds=20)
    assert "small ended (exit code 3). Its last lines:\noh no" in told[0]
    supervisor.stop()


def test_five_crashes_within_a_minute_end_it_with_the_reason(tmp_path):
    told: list[str] = []
    supervisor = Supervisor(told.append, first_backoff_seconds=0.001)
    supervisor.start(Program("small", [sys.executable, "-c", CRASH], env=dict(os.environ), logs=tmp_path))

    def never() -> bool:
        supervisor.look()
        return False

    with pytest.raises(GaveUpError, match=r"5 crashes within 60 seconds: small (?s:.*)the reason is here"):
        wait_until(never, seconds=20)
    assert len(told) == 4
    supervisor.stop()


def test_crashes_far_apart_do_not_add_up():
    clock = FakeClock()
    part = FakePart("web")
    supervisor = Supervisor(lambda text: None, clock=clock)
    supervisor.start(part)

    for _ in range(20):
        part.code = 1
        supervisor.look()
        clock.now += 20
        supervisor.look()

    assert part.events.count("start web") == 21


def test_each_crash_waits_longer_than_the_last():
    clock = FakeClock()
    told: list[str] = []
    part = FakePart("web")
    supervisor = Supervisor(told.append, clock=clock)
    supervisor.start(part)

    for _ in range(4):
        part.code = -signal.SIGKILL
        supervisor.look()
        clock.now += 8
        supervisor.look()

    assert "killed by SIGKILL" in told[0]
    assert [text.split()[-2] for text in told] == ["0.5", "1.0", "2.0", "4.0"]


def test_the_last_started_is_stopped_first():
    events: list[str] = []
    supervisor = Supervisor(lambda text: None)
    for name in ("postgres", "valkey", "web"):
        supervisor.start(FakePart(name, events))

    supervisor.stop()

    assert events[3:] == ["stop web", "stop valkey", "stop postgres"]


def test_stopping_a_program_ends_what_it_started(run_program):
    program = run_program(WITH_CHILD)
    assert wait_until(lambda: bool(program.last_lines()), seconds=20)
    grandchild = int(program.last_lines())

    program.stop()

    assert wait_until(lambda: not psutil.pid_exists(grandchild), seconds=20)


def test_a_program_deaf_to_sigterm_is_killed(run_program):
    program = run_program("import signal; signal.signal(15, signal.SIG_IGN);" + SLEEP, grace_seconds=0.1)
    assert wait_until(lambda: "awake" in program.last_lines(), seconds=20)
    started = time.monotonic()

    program.stop()

    assert time.monotonic() - started < 5


def test_lines_go_to_a_log_of_bounded_size(run_program, tmp_path, monkeypatch):
    monkeypatch.setattr("fraudapp.supervisor.LOG_BYTES", 10_000)
    program = run_program("for n in range(2000): print('line', n)")
    assert wait_until(lambda: "line 1999" in program.last_lines(), seconds=20)

    program.stop()

    assert "[small] line 1999" in (tmp_path / "small.log").read_text()
    assert sum(log.stat().st_size for log in tmp_path.iterdir()) <= 20_000
