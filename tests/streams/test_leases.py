"""Workers share the partitions of a stream, take over from the dead, and write nothing that is no longer theirs."""

import logging
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from streams.leases import FencedError, Handled, Leases
from streams.models import StreamProgress, StreamWorker
from streams.source import START, Partition

pytestmark = pytest.mark.django_db

FOUR = [Partition(str(number)) for number in range(4)]


def worker(name: str) -> Leases:
    return Leases("s", owner=name)


def turn(leases: Leases, partitions: list[Partition] = FOUR) -> list[str]:
    return sorted(leases.turn(partitions))


def settle(*workers: Leases, partitions: list[Partition] = FOUR) -> list[list[str]]:
    """What each holds after enough turns for everybody to have let go and taken."""
    for _ in range(3):
        for one in workers:
            turn(one, partitions)
    return [sorted(one.positions) for one in workers]


def move(leases: Leases, *, has_valid: bool = True, refused: int = 0, **reached: int) -> Handled:
    names = {name.removeprefix("p"): position for name, position in reached.items()}
    batch = Handled(names, dict.fromkeys(names, refused), has_valid)
    with transaction.atomic():
        leases.move(batch)
    leases.advance(batch)
    return batch


def die(leases: Leases) -> None:
    """The worker is not heard of again, and its time passes."""
    long_ago = timedelta(seconds=settings.STREAM_LEASE_SECONDS + 1)
    StreamProgress.objects.filter(owner=leases.owner).update(lease_until=F("lease_until") - long_ago)
    StreamWorker.objects.filter(owner=leases.owner).update(seen_at=F("seen_at") - long_ago)


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


# --- partitions that split and merge -------------------------------------------------------------------------------

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
