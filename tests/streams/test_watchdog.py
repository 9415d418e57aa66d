"""A worker whose stream hangs is ended; one that waits or works on is left alone."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from celery.platforms import EX_FAILURE
from celery.worker import state
from django.conf import settings

from streams import watchdog
from streams.watchdog import StreamWatchdog
from tests.waiting import wait_until


class Hanging:
    """A thread that makes turns until it is told to hang."""

    def __init__(self, dog: StreamWatchdog) -> None:
        self.hang, self.ended = threading.Event(), threading.Event()
        self.turns = 0
        self.thread = threading.Thread(target=self.read_for_ever, args=[dog], name="stream")

    def read_for_ever(self, dog: StreamWatchdog) -> None:
        while not self.hang.wait(0.01):
            dog.beat()
            self.turns += 1
        self.ended.wait(60)


@pytest.fixture
def exits(monkeypatch, settings) -> list[int]:
    """Exit codes the process would have ended with."""
    codes: list[int] = []
    monkeypatch.setattr(watchdog.os, "_exit", codes.append)
    monkeypatch.setattr(watchdog, "GRACE_SECONDS", 0.0)
    settings.STREAM_STALL_SECONDS = 0.3
    monkeypatch.setattr(state, "should_stop", None)
    return codes


def test_a_thread_that_hangs_ends_the_process_and_the_log_says_where_it_stands(exits, caplog):
    dog = StreamWatchdog()
    hanging = Hanging(dog)
    hanging.thread.start()
    dog.watch(hanging.thread)

    hanging.hang.set()
    wait_until(lambda: exits)
    hanging.ended.set()
    hanging.thread.join()

    assert exits == [EX_FAILURE]
    assert state.should_stop == EX_FAILURE
    assert "stream made no turn" in caplog.text
    assert "in read_for_ever" in caplog.text


def test_a_thread_that_makes_its_turns_is_left_alone_until_it_ends(exits):
    dog = StreamWatchdog()
    working = Hanging(dog)
    working.thread.start()
    dog.watch(working.thread)

    wait_until(lambda: working.turns > 60)
    working.ended.set()
    working.hang.set()
    working.thread.join()
    wait_until(lambda: not any(thread.name == "stream-watchdog" for thread in threading.enumerate()))

    assert exits == []


def test_a_worker_told_to_stop_is_not_ended_by_its_watchdog(exits):
    dog = StreamWatchdog()
    stopping = Hanging(dog)
    stopping.thread.start()
    dog.watch(stopping.thread)

    dog.stop()
    stopping.hang.set()
    wait_until(lambda: not any(thread.name == "stream-watchdog" for thread in threading.enumerate()))
    stopping.ended.set()
    stopping.thread.join()

    assert exits == []


WORKER_WITH_A_BROKER_THAT_HANGS = """
import time
import django
from fraudapp.celery import app
django.setup()
# All that a turn imports: on a busy machine that alone can take as long as a turn may.
from scoring.services import store
from streams import connect, leases, pipeline, watchdog
connect.connect_source = lambda stream: time.sleep(600)
watchdog.GRACE_SECONDS = 1.0
app.worker_main(["worker", "--stream", "--pool", "solo"])
"""


@pytest.mark.slow
def test_the_worker_process_ends_with_a_code_its_supervisor_sees(tmp_path: Path):
    log = tmp_path / "worker.log"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "fraudapp.settings", "STREAM_STALL_SECONDS": "3"}
    with log.open("wb") as out:
        code = subprocess.run(
            [sys.executable, "-c", WORKER_WITH_A_BROKER_THAT_HANGS],
            cwd=settings.BASE_DIR, env=environment, stdout=out, stderr=out, timeout=60, check=False,
        ).returncode  # fmt: skip

    assert code == EX_FAILURE
    assert "made no turn" in log.read_text()
    assert "connect_source" in log.read_text()
