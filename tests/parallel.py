"""How a run is shared out over processes (`--numprocesses auto`); loaded by `-p tests.parallel`.

A file is done by one process, and each process has servers, databases and ports of its own (tests.servers).
"""

import os
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

# Each process brings two servers, and may bring a web process and a browser.
MOST_PROCESSES = 4
# Tests that keep more than one processor busy, or that wait for other processes; the longest file first.
HEAVY = ("chaos", "browser", "slow")


def are_servers_named() -> bool:
    return {"TEST_DATABASE_URL", "TEST_REDIS_URL"} <= os.environ.keys()


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers() -> int:
    """One a processor; none beside this process where the servers are named ones."""
    return 0 if are_servers_named() else min(processors(), MOST_PROCESSES)


def pytest_configure(config: pytest.Config) -> None:
    if are_servers_named() and config.option.numprocesses:
        raise pytest.UsageError(
            "Tests empty the servers that TEST_DATABASE_URL and TEST_REDIS_URL name: only one process may use them. "
            "Leave out --numprocesses, or leave out the two."
        )


@pytest.hookimpl(trylast=True)  # after pytest-django
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a run of several processes: files with heavy tests first, folder by folder, their servers started once."""
    if hasattr(config, "workerinput"):
        turns: dict[Path, int] = {}
        for item in items:
            turns[item.path] = min(_turn_of(item), turns.get(item.path, len(HEAVY)))
        items.sort(key=lambda item: (turns[item.path], item.path))


def _turn_of(item: pytest.Item) -> int:
    """The place in HEAVY of the test's first mark that is there, or after them all."""
    marks = {mark.name for mark in item.iter_markers()}
    return next((turn for turn, name in enumerate(HEAVY) if name in marks), len(HEAVY))


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    return FromBothEnds(config, log) if config.getvalue("dist") == "loadfile" else None


class FromBothEnds(LoadFileScheduling):
    """One process takes the files from the front and the others from the end: heavy tests run beside light ones."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        if node is not self.nodes[0]:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)
