"""What a stream promises its reader and writer, asked of memory, Valkey, Kafka and Kinesis."""

import math
import time

import pytest

from streams.kafka import KafkaPublisher, KafkaSource
from streams.kinesis import KinesisSource
from streams.kinesis_publisher import KinesisPublisher
from streams.positions import Including
from streams.source import START, Message, StreamError, partition_of
from streams.valkey import ValkeyPublisher, ValkeySource
from tests.contracts.reading import PATIENCE_SECONDS, STREAM, from_start, read, records


def test_what_is_published_is_read_once_and_in_order_per_key(broker):
    broker.publisher.publish(STREAM, records(60))
    broker.publisher.publish(STREAM, records(40, start=60))
    source = broker.new_source()

    found = read(source, 100, from_start(source))

    assert sorted(int(message.body) for message in found) == list(range(100))
    for card in range(7):
        numbers = [int(message.body) for message in found if int(message.body) % 7 == card]
        partitions = {message.partition for message in found if int(message.body) % 7 == card}
        assert numbers == sorted(numbers)
        assert len(partitions) == 1


def test_bytes_come_through_as_they_are(broker):
    bodies = [b"", b"\x00\xff\xfe", "é".encode(), b"x" * 20_000]
    broker.publisher.publish(STREAM, [("k", body) for body in bodies])
    source = broker.new_source()

    assert [message.body for message in read(source, len(bodies), from_start(source))] == bodies


def test_positions_grow_within_a_partition_and_begin_after_the_start(broker):
    broker.publisher.publish(STREAM, records(30))
    source = broker.new_source()

    found = read(source, 30, from_start(source))

    for partition in source.partitions():
        positions = [message.position for message in found if message.partition == partition.name]
        assert positions == sorted(set(positions))
        assert all(position > START for position in positions)


def test_reading_goes_on_after_the_position_it_is_given(broker):
    broker.publisher.publish(STREAM, records(30))
    first = broker.new_source()
    positions = from_start(first)
    seen = read(first, 30, positions)
    broker.publisher.publish(STREAM, records(12, start=30))

    again = broker.new_source()
    rest = read(again, 12, dict(positions))

    assert sorted(int(message.body) for message in rest) == list(range(30, 42))
    middle = seen[len(seen) // 2]
    later = read(again, 1, {middle.partition: middle.position})
    assert all(message.position > middle.position for message in later)


def test_reading_can_begin_with_a_record_itself(broker):
    broker.publisher.publish(STREAM, [("card", b"%d" % i) for i in range(6)])
    source = broker.new_source()
    sent = read(source, 6, from_start(source))
    first = sent[2]

    found = read(broker.new_source(), 4, {first.partition: Including(first.position)})

    assert found == sent[2:]


def test_the_same_positions_read_the_same_messages_again(broker):
    broker.publisher.publish(STREAM, records(20))
    source = broker.new_source()
    first = sorted(message.position for message in read(source, 20, from_start(source)))

    again = sorted(message.position for message in read(source, 20, from_start(source)))

    assert again == first


def test_a_read_brings_at_most_its_limit_of_all_partitions_together(broker):
    broker.publisher.publish(STREAM, records(50))
    source = broker.new_source()
    positions = from_start(source)
    sizes = []
    found: list[Message] = []
    deadline = time.monotonic() + PATIENCE_SECONDS

    while len(found) < 50 and time.monotonic() < deadline:
        batch = source.read(positions, limit=3, wait_seconds=0.2)
        sizes.append(len(batch))
        positions |= {message.partition: message.position for message in batch}
        found += batch

    assert max(sizes) <= 3
    assert sorted(int(message.body) for message in found) == list(range(50))


def test_a_busy_partition_leaves_the_others_their_share(broker):
    for start in range(0, 2000, 100):
        broker.publisher.publish(STREAM, [("busy", b"%d" % i) for i in range(start, start + 100)])
    broker.publisher.publish(STREAM, [(f"quiet-{i}", b"quiet") for i in range(8)])
    source = broker.new_source()
    positions = from_start(source)

    found = read(source, 1000, positions, limit=50)

    assert {name for name, position in positions.items() if position != START} == set(positions)
    assert b"quiet" in {message.body for message in found}


def test_two_readers_do_not_disturb_each_other(broker):
    broker.publisher.publish(STREAM, records(20))
    left, right = broker.new_source(), broker.new_source()

    found = [read(source, 20, from_start(source)) for source in (left, right)]

    assert sorted(m.body for m in found[0]) == sorted(m.body for m in found[1])


def test_nothing_new_is_an_empty_read(broker):
    broker.publisher.publish(STREAM, records(5))
    source = broker.new_source()
    positions = from_start(source)
    read(source, 5, positions)

    assert source.read(positions, limit=10, wait_seconds=0.05) == []


def test_lag_is_what_is_not_read_yet_or_unknown(broker):
    broker.publisher.publish(STREAM, records(30))
    source = broker.new_source()
    positions = from_start(source)
    before = source.lag(positions)
    read(source, 30, positions)
    after = source.lag(positions)
    broker.publisher.publish(STREAM, records(3))

    assert [before, after, source.lag(positions)] in ([30, 0, 3], [None, None, None])


def test_a_message_says_when_the_broker_got_it_or_that_it_is_unknown(broker):
    broker.publisher.publish(STREAM, records(3))
    source = broker.new_source()

    found = read(source, 3, from_start(source))

    assert all(math.isnan(m.produced_at) or abs(time.time() - m.produced_at) < PATIENCE_SECONDS for m in found)


def test_what_a_broker_is_told_is_never_read_back(broker):
    broker.publisher.publish(STREAM, records(20))
    first = broker.new_source()
    positions = from_start(first)
    read(first, 20, positions)
    first.tell(positions)

    again = broker.new_source()

    assert len(read(again, 20, from_start(again))) == 20


def test_open_partitions_do_not_end(broker):
    broker.publisher.publish(STREAM, records(20))
    source = broker.new_source()

    read(source, 20, from_start(source))

    assert source.ended() == frozenset()
    assert all(not partition.parents for partition in source.partitions())


def test_nothing_is_read_of_no_partition(broker):
    broker.publisher.publish(STREAM, records(5))

    assert broker.new_source().read({}, limit=10, wait_seconds=0.05) == []


def test_many_records_at_once_all_arrive(broker):
    broker.publisher.publish(STREAM, records(3000))
    source = broker.new_source()

    assert len(read(source, 3000, from_start(source))) == 3000


NOWHERE = "127.0.0.1:1"
AWAY = {
    "valkey": (
        lambda: ValkeySource(f"redis://{NOWHERE}/0", STREAM, partitions=1),
        lambda: ValkeyPublisher(f"redis://{NOWHERE}/0", partitions=1),
    ),
    "kafka": (
        lambda: KafkaSource(NOWHERE, STREAM, properties={}),
        lambda: KafkaPublisher(NOWHERE, properties={}),
    ),
    "kinesis": (
        lambda: KinesisSource("us-east-1", STREAM, endpoint_url=f"http://{NOWHERE}"),
        lambda: KinesisPublisher("us-east-1", endpoint_url=f"http://{NOWHERE}"),
    ),
}


@pytest.mark.parametrize("name", AWAY)
def test_a_broker_that_is_away_is_told_with_its_stream(name, monkeypatch, kinesis_credentials):
    monkeypatch.setattr("streams.kafka._TIMEOUT_SECONDS", 0.3)
    source, publisher = (make() for make in AWAY[name])

    with pytest.raises(StreamError, match=STREAM):
        source.read({"0": START}, limit=1, wait_seconds=0.1)
    with pytest.raises(StreamError, match=STREAM):
        publisher.publish(STREAM, [("k", b"x")])
    source.tell({"0": 5})
    source.close()
    publisher.close()


@pytest.mark.parametrize("name", ["valkey", "kafka"])
def test_a_lag_that_cannot_be_asked_is_told_with_its_stream(name, monkeypatch):
    monkeypatch.setattr("streams.kafka._TIMEOUT_SECONDS", 0.3)
    source = AWAY[name][0]()

    with pytest.raises(StreamError, match=STREAM):
        source.lag({"0": START})
    source.close()


@pytest.mark.parametrize("name", ["kafka", "kinesis"])
def test_partitions_that_cannot_be_asked_are_told_with_their_stream(name, monkeypatch, kinesis_credentials):
    monkeypatch.setattr("streams.kafka._TIMEOUT_SECONDS", 0.3)
    source = AWAY[name][0]()

    with pytest.raises(StreamError, match=STREAM):
        source.partitions()
    source.close()


def test_a_key_has_one_partition():
    assert {partition_of(f"card-{i}", 4) for i in range(100)} == {0, 1, 2, 3}
    assert partition_of("card-1", 4) == partition_of("card-1", 4)
