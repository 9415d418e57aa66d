"""The task worker runs long jobs in processes of their own: whichever is killed, it is done once, or not left."""

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest
from django.conf import settings
from django.utils.timezone import now

from scoring.models import Backtest, TrainingRun
from scoring.services.job_queue import MAX_ATTEMPTS
from streams import jobs
from streams.jobs import JobsStep, end_process, start_process
from tests.factories import DAY, NOON
from tests.scoring.backtest_world import ask, decide, make_draft
from tests.scoring.payments import publish
from tests.waiting import wait_until
from tests.web_process import process_environment

pytestmark = pytest.mark.django_db(transaction=True)
Status = Backtest.Status


@pytest.fixture
def asked(monkeypatch) -> Backtest:
    for name, value in process_environment().items():
        monkeypatch.setenv(name, value)
    publish()
    decide(["10", "20", "3000"])
    return ask(make_draft(), until=NOON.replace(hour=23), at=max(now(), NOON.replace(hour=23)))


@pytest.fixture
def step():
    made = JobsStep(SimpleNamespace())
    yield made
    made.stop(None)


def status(backtest: Backtest) -> str:
    return Backtest.objects.values_list("status", flat=True).get(id=backtest.id)


def test_the_step_runs_what_waits(asked, step):
    step.start(None)

    wait_until(lambda: status(asked) == Status.DONE)

    asked.refresh_from_db()
    assert (asked.result["judged"], asked.attempts) == (3, 1)


def test_a_training_runs_beside_and_says_what_it_lacks(asked, step):
    training = TrainingRun.objects.create(
        trained_from=NOON, trained_to=NOON + DAY, labels_as_of=NOON + DAY, maturity_days=0
    )
    step.start(None)

    # Two processes start at once.
    wait_until(lambda: TrainingRun.objects.get(id=training.id).status == Status.FAILED, seconds=120)

    training.refresh_from_db()
    assert training.error.startswith("Only 3 payments with a known label")
    assert training.attempts == 1
    wait_until(lambda: status(asked) == Status.DONE)


def test_a_run_whose_process_is_killed_is_begun_again_and_done(asked, step, monkeypatch):
    started = []

    def start_and_kill_the_first(command, claimed):
        process = start_process(command, claimed)
        started.append(process.pid)
        if len(started) == 1:
            os.kill(process.pid, signal.SIGKILL)
        return process

    monkeypatch.setattr(jobs, "start_process", start_and_kill_the_first)
    step.start(None)

    wait_until(lambda: status(asked) == Status.DONE)

    asked.refresh_from_db()
    assert (len(started), asked.attempts, asked.result["judged"]) == (2, 2, 3)


def test_a_run_that_is_killed_each_time_fails_and_says_so(asked, step, monkeypatch):
    def start_and_kill(command, claimed):
        process = start_process(command, claimed)
        os.kill(process.pid, signal.SIGKILL)
        return process

    monkeypatch.setattr(jobs, "start_process", start_and_kill)
    step.start(None)

    wait_until(lambda: status(asked) == Status.FAILED)

    asked.refresh_from_db()
    assert asked.attempts == MAX_ATTEMPTS
    assert asked.error.startswith("The process that ran it was killed, perhaps for want of memory")


def test_a_worker_that_stops_leaves_the_run_to_the_next(asked, step, monkeypatch):
    monkeypatch.setattr(
        jobs, "start_process", lambda command, claimed: subprocess.Popen(_SLEEPS, stdin=subprocess.PIPE)
    )
    step.start(None)
    wait_until(lambda: status(asked) == Status.RUNNING)

    step.stop(None)

    assert status(asked) == Status.WAITING


def test_the_process_of_a_run_ends_when_its_worker_is_killed():
    # The pipe to the run is all that tells it.
    holder = subprocess.Popen([sys.executable, "-c", _HOLDS], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    run = psutil.Process(int(holder.stdout.readline()))

    holder.kill()
    holder.wait()

    wait_until(lambda: not run.is_running() or run.status() == psutil.STATUS_ZOMBIE)
    holder.stdout.close()


def test_ending_a_process_twice_is_ending_it_once():
    process = subprocess.Popen(_SLEEPS, stdin=subprocess.PIPE)

    assert end_process(process) == -signal.SIGKILL
    assert end_process(process) == -signal.SIGKILL


_SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]
_RUN = f"""
import sys, threading, time
sys.path.insert(0, {str(settings.BASE_DIR)!r})
from scoring.management.quiet import end_with_input
threading.Thread(target=end_with_input, daemon=True).start()
time.sleep(600)
"""
_HOLDS = f"""
import subprocess, sys, time
run = subprocess.Popen([sys.executable, "-c", {_RUN!r}], stdin=subprocess.PIPE)
print(run.pid, flush=True)
time.sleep(600)
"""
