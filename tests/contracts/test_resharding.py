"""What a reader sees when partitions are split and merged, asked of memory and Kinesis."""

import pytest

from streams.source import START
from tests.contracts.reading import STREAM, from_start, read, records

pytestmark = pytest.mark.parametrize("broker", ["memory", "kinesis"], indirect=True)


def numbers(messages) -> list[int]:
    return [int(message.body) for message in messages]


def partition_with_records(broker) -> str:
    source = broker.new_source()
    return read(source, 1, from_start(source))[0].partition


def test_children_of_a_split_name_their_parent_and_carry_its_keys_on(broker):
    broker.publisher.publish(STREAM, [("card", b"0"), ("card", b"1")])
    parent = partition_with_records(broker)

    broker.split(parent)
    broker.publisher.publish(STREAM, [("card", b"2"), ("card", b"3")])

    source = broker.new_source()
    children = [partition.name for partition in source.partitions() if partition.parents == (parent,)]
    assert len(children) == 2
    assert numbers(read(source, 2, {parent: START})) == [0, 1]
    assert numbers(read(source, 2, dict.fromkeys(children, START))) == [2, 3]


def test_a_split_partition_has_ended_only_when_its_last_record_was_read(broker):
    broker.publisher.publish(STREAM, [("card", b"%d" % i) for i in range(6)])
    parent = partition_with_records(broker)
    source = broker.new_source()
    positions = from_start(source)
    broker.split(parent)

    read(source, 4, positions, limit=2)
    before = source.ended()
    read(source, 2, positions, limit=2)
    source.read(positions, limit=2, wait_seconds=0.05)

    assert before == frozenset()
    assert source.ended() == {parent}


def test_a_partition_that_ended_is_found_ended_by_a_new_reader(broker):
    broker.publisher.publish(STREAM, [("card", b"%d" % i) for i in range(3)])
    parent = partition_with_records(broker)
    broker.split(parent)
    positions = {parent: START}
    read(broker.new_source(), 3, positions)

    again = broker.new_source()

    assert again.read(positions, limit=10, wait_seconds=0.05) == []
    assert again.ended() == {parent}


def test_an_ended_partition_that_is_read_again_has_not_ended(broker):
    broker.publisher.publish(STREAM, [("card", b"%d" % i) for i in range(5)])
    parent = partition_with_records(broker)
    broker.split(parent)
    source = broker.new_source()
    read(source, 5, {parent: START})
    source.read({parent: START}, limit=1, wait_seconds=1.0)

    assert source.ended() == frozenset()


def test_the_child_of_a_merge_names_both_parents_and_carries_their_keys_on(broker):
    broker.publisher.publish(STREAM, records(40))
    source = broker.new_source()
    first, second = [partition.name for partition in source.partitions()][:2]

    broker.merge(first, second)
    broker.publisher.publish(STREAM, records(40, start=40))

    child = next(partition for partition in source.partitions() if partition.parents)
    assert set(child.parents) == {first, second}
    positions = from_start(source)
    found = read(source, 80, positions)
    assert sorted(numbers(found)) == list(range(80))
    source.read(positions, limit=5, wait_seconds=0.05)
    assert source.ended() == {first, second}
    assert {int(m.body) >= 40 for m in found if m.partition == child.name} == {True}
