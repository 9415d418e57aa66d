"""Partitions that split and merge are read after their parents, and none again that was read to its end."""

import logging

import pytest

from streams.models import StreamProgress
from streams.source import Partition
from tests.streams.lease_world import die, turn, worker

pytestmark = pytest.mark.django_db

SPLIT = [Partition("p"), Partition("p.0", parents=("p",)), Partition("p.1", parents=("p",)), Partition("q")]
MERGED = [*SPLIT, Partition("m", parents=("p.1", "q"))]


def test_children_wait_until_their_parent_is_read_to_its_end():
    leases = worker("a")
    assert turn(leases, SPLIT) == ["p", "q"]

    leases.finish(["p"])

    assert leases.is_due()
    assert turn(leases, SPLIT) == ["p.0", "p.1"]
    assert sorted(leases.positions) == ["p.0", "p.1", "q"]
    assert StreamProgress.objects.get(partition="p").finished_at is not None


def test_a_merged_partition_waits_for_both_its_parents():
    leases = worker("a")
    turn(leases, MERGED)
    leases.finish(["p"])
    turn(leases, MERGED)

    leases.finish(["p.1"])
    assert turn(leases, MERGED) == []
    leases.finish(["q"])
    assert turn(leases, MERGED) == ["m"]


def test_a_parent_that_is_no_longer_listed_holds_up_nobody():
    leases = worker("a")

    assert turn(leases, SPLIT[1:]) == ["p.0", "p.1", "q"]


def test_a_child_that_waits_for_its_parent_is_nobodys_to_read_yet():
    turn(worker("a"), SPLIT)

    assert sorted(StreamProgress.objects.values_list("partition", flat=True)) == ["p", "q"]


def test_a_partition_that_vanished_before_it_was_read_is_said_once(caplog):
    leases = worker("a")
    turn(leases, SPLIT)

    turn(leases, SPLIT[1:])
    turn(leases, SPLIT[1:])

    assert sorted(leases.positions) == ["p.0", "p.1", "q"]
    (said,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "s: the broker no longer has p, not read to the end" in said.getMessage()


def test_a_partition_that_vanished_after_it_was_read_is_not_spoken_of(caplog):
    leases = worker("a")
    turn(leases, SPLIT)
    leases.finish(["p"])

    turn(leases, SPLIT[1:])

    assert not [record for record in caplog.records if record.levelno == logging.ERROR]


def test_a_finished_partition_is_never_taken_again():
    old, new = worker("a"), worker("b")
    turn(old, SPLIT)
    old.finish(["p"])
    old.release()

    assert turn(new, SPLIT) == ["p.0", "p.1", "q"]


def test_a_worker_that_lost_a_partition_cannot_call_it_finished():
    old, new = worker("a"), worker("b")
    turn(old)
    die(old)
    turn(new)

    old.finish(["0"])

    assert not StreamProgress.objects.exclude(finished_at=None).exists()
