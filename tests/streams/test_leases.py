"""Workers share the partitions of a stream, take over from the dead, and write nothing that is no longer theirs."""

import pytest
from django.db import transaction
from django.utils.timezone import now

from streams.leases import FencedError, Handled
from streams.models import StreamProgress, StreamWorker
from streams.source import START, Partition
from tests.streams.lease_world import FOUR, die, move, settle, turn, worker

pytestmark = pytest.mark.django_db


def test_one_worker_takes_all_partitions_from_their_beginning():
    alone = worker("a")

    assert turn(alone) == ["0", "1", "2", "3"]
    assert alone.positions == dict.fromkeys("0123", START)
    assert turn(alone) == []


@pytest.mark.parametrize(("workers", "shares"), [(2, [2, 2]), (3, [2, 1, 1]), (4, [1, 1, 1, 1]), (5, [1, 1, 1, 1, 0])])
def test_workers_share_evenly_and_each_partition_has_one_reader(workers, shares):
    held = settle(*(worker(str(number)) for number in range(workers)))

    assert [len(partitions) for partitions in held] == shares
    assert sorted(name for partitions in held for name in partitions) == ["0", "1", "2", "3"]


def test_a_newcomer_gets_its_share_with_the_progress_that_was_made():
    old, new = worker("a"), worker("b")
    turn(old)
    move(old, p0=7, p3=9)

    turn(new)
    assert new.positions == {}
    settle(old, new)

    assert old.positions == {"0": 7, "1": START}
    assert new.positions == {"2": START, "3": 9}


def test_shares_stay_where_they_are_once_they_are_fair():
    workers = [worker(str(number)) for number in range(3)]
    before = settle(*workers)

    assert settle(*workers) == before


def test_what_a_dead_worker_held_goes_to_the_others_once_its_lease_has_run_out():
    dead, alive = worker("a"), worker("b")
    settle(dead, alive)
    assert turn(alive) == []

    die(dead)

    assert turn(alive) == ["0", "1"]
    assert not StreamWorker.objects.filter(owner="a").exists()


def test_a_worker_that_was_taken_for_dead_is_fenced_then_sees_what_it_lost_and_gets_its_share_again():
    slept, alive = worker("a"), worker("b")
    settle(slept, alive)
    die(slept)
    turn(alive)

    with pytest.raises(FencedError, match="s 0, 1 went to another worker"), transaction.atomic():
        slept.move(Handled({"0": 5, "1": 5}, has_valid=True))
    assert StreamProgress.objects.filter(position="5").count() == 0

    turn(slept)
    assert slept.positions == {}
    assert [len(held) for held in settle(slept, alive)] == [2, 2]


def test_a_lease_that_ran_out_and_that_nobody_wanted_goes_on():
    alone = worker("a")
    turn(alone)
    die(alone)

    turn(alone)
    move(alone, p0=3)

    assert alone.positions["0"] == 3
    assert StreamProgress.objects.get(partition="0").lease_until > now()


def test_one_fenced_partition_rolls_back_the_batch_of_all():
    old, new = worker("a"), worker("b")
    turn(old)
    StreamProgress.objects.filter(partition="1").update(owner="", lease_until=None)
    turn(new)
    assert list(new.positions) == ["1"]

    with pytest.raises(FencedError) as fenced, transaction.atomic():
        old.move(Handled({"0": 5, "1": 5}, has_valid=True))

    assert fenced.value.partitions == ["1"]
    assert not StreamProgress.objects.exclude(position="").exists()


def test_after_forgetting_the_same_worker_goes_on_from_the_record_at_once():
    leases = worker("a")
    turn(leases)
    move(leases, p0=3)
    leases.positions["0"] = 99

    leases.forget()

    assert leases.is_due()
    assert turn(leases) == ["0", "1", "2", "3"]
    assert leases.positions["0"] == 3


def test_what_a_worker_forgot_and_has_no_share_of_is_left_to_the_others():
    old, new = worker("a"), worker("b")
    turn(old)
    turn(new)

    old.forget()

    assert [len(held) for held in settle(old, new)] == [2, 2]


def test_only_what_is_read_is_renewed():
    leases = worker("a")
    turn(leases)
    leases.forget()

    assert turn(leases, FOUR[:3]) == ["0", "1", "2"]

    assert StreamProgress.objects.get(partition="3").owner == ""


def test_a_released_worker_leaves_everything_to_the_others_at_once():
    leaving, staying = worker("a"), worker("b")
    settle(leaving, staying)

    leaving.release()

    assert leaving.positions == {}
    assert turn(staying) == ["0", "1"]


def test_a_position_of_56_digits_is_kept_to_the_last_of_them():
    leases, position = worker("a"), 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898
    turn(leases)

    move(leases, p0=position)
    leases.forget()
    turn(leases)

    assert leases.positions["0"] == position


def test_partitions_that_are_added_are_shared_too():
    workers = worker("a"), worker("b")
    settle(*workers)
    six = [Partition(str(number)) for number in range(6)]

    assert [len(held) for held in settle(*workers, partitions=six)] == [3, 3]


# --- the run of refused records ------------------------------------------------------------------------------------


def test_the_run_of_refused_records_survives_the_worker():
    first, second = worker("a"), worker("b")
    turn(first)
    move(first, has_valid=False, refused=30, p0=1, p1=1)
    move(first, has_valid=False, refused=10, p1=2)
    assert first.refused == 70

    first.release()
    turn(second)

    assert second.refused == 70


def test_a_batch_with_a_valid_record_ends_the_run_of_all_partitions():
    leases = worker("a")
    turn(leases)
    move(leases, has_valid=False, refused=30, p0=1, p1=1)

    move(leases, p2=1)

    assert leases.refused == 0
    assert not StreamProgress.objects.filter(refused__gt=0).exists()
