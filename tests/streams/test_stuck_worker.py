"""A worker that stands still in the middle of a batch, on a connection of its own, and one that takes over from it."""

import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import connection, transaction

from streams.leases import Handled, Leases, end_idle_transactions
from streams.source import START, Partition
from streams.thread_step import is_passing
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

FOUR = [Partition(str(number)) for number in range(4)]


class Stuck(threading.Thread):
    """A worker on a connection of its own that stands still with its progress in "0" written and not committed."""

    def __init__(self, *, is_guarded: bool) -> None:
        super().__init__(name="stuck")
        self.is_guarded = is_guarded
        self.is_stuck, self.go_on = threading.Event(), threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        leases = Leases("s", owner="stuck")
        try:
            if self.is_guarded:
                end_idle_transactions()
            leases.turn(FOUR)
            with transaction.atomic():
                leases.move(Handled({"0": 5}, has_valid=True))
                self.is_stuck.set()
                self.go_on.wait(20)
                leases.move(Handled({"0": 6}, has_valid=True))
        except Exception as error:
            self.error = error
        finally:
            connection.close()


@pytest.fixture
def start_stuck(settings) -> Iterator[Callable[..., Stuck]]:
    settings.STREAM_LEASE_SECONDS = 0.3
    started: list[Stuck] = []

    def start(*, is_guarded: bool) -> Stuck:
        started.append(Stuck(is_guarded=is_guarded))
        started[0].start()
        assert started[0].is_stuck.wait(20)
        return started[0]

    yield start
    for stuck in started:
        stuck.go_on.set()
        stuck.join()


def turn_until(leases: Leases, count: int) -> None:
    """Take turns until so many partitions are held."""

    def holds_them() -> bool:
        leases.turn(FOUR)
        return len(leases.positions) == count

    wait_until(holds_them)


def test_what_its_owner_is_writing_just_now_is_left_to_it_and_the_rest_is_taken(start_stuck):
    writing, heir = start_stuck(is_guarded=False), Leases("s", owner="heir")

    turn_until(heir, 3)
    assert sorted(heir.positions) == ["1", "2", "3"]
    writing.go_on.set()
    writing.join()
    turn_until(heir, 4)

    assert writing.error is None
    assert heir.positions["0"] == 6


def test_a_worker_stuck_in_a_batch_does_not_keep_its_partitions(start_stuck):
    stuck, heir = start_stuck(is_guarded=True), Leases("s", owner="heir")

    turn_until(heir, 4)
    stuck.go_on.set()
    stuck.join()

    assert heir.positions == dict.fromkeys("0123", START)
    assert stuck.error is not None
    assert is_passing(stuck.error)
