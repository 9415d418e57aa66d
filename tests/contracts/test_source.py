"""What a stream promises its reader and writer, asked of memory, Valkey and Kafka."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import redis
from confluent_kafka import Producer
from django.conf import settings

from streams.kafka import KafkaPublisher, KafkaSource
from streams.source import START, MemoryStream, Message, Publisher, Source, StreamError, partition_of
from streams.valkey import ValkeyPublisher, ValkeySource, entry_id_of, position_of

STREAM = "payments"
PATIENCE_SECONDS = 10.0


@dataclass
class Broker:
    """Ways to reach one log."""

    publisher: Publisher
    new_source: Callable[[], Source]


@pytest.fixture(scope="module")
def kafka_servers() -> Iterator[str]:
    """The client library's own mock cluster: real protocol, no server to install."""
    cluster = Producer({"bootstrap.servers": "unused:1", "test.mock.num.brokers": 1, "log_level": 0})
    brokers = cluster.list_topics(timeout=PATIENCE_SECONDS).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    cluster.flush(1)


@pytest.fixture(params=["memory", "valkey", "kafka"])
def broker(request) -> Iterator[Broker]:
    if request.param == "memory":
        memory = MemoryStream(STREAM, partitions=4)
        yield Broker(memory, lambda: memory)
        return
    opened: list[Source] = []

    def opening(make: Callable[[], Source]) -> Callable[[], Source]:
        def new() -> Source:
            opened.append(make())
            return opened[-1]

        return new

    publisher: Publisher
    if request.param == "valkey":
        publisher = ValkeyPublisher(settings.REDIS_URL, partitions=4)
        yield Broker(publisher, opening(lambda: ValkeySource(settings.REDIS_URL, STREAM, partitions=4)))
    else:
        servers, topic = request.getfixturevalue("kafka_servers"), f"{STREAM}-{request.node.name.encode().hex()[-60:]}"
        publisher = KafkaPublisher(servers)
        publisher.publish(topic, [])
        renamed = Renamed(publisher, topic)
        yield Broker(renamed, opening(lambda: KafkaSource(servers, topic)))
    for source in opened:
        source.close()
    publisher.close()


@dataclass
class Renamed:
    """Gives each test a topic of its own: the cluster outlives them."""

    publisher: Publisher
    topic: str

    def publish(self, stream: str, records) -> None:
        self.publisher.publish(self.topic, records)

    def close(self) -> None:
        self.publisher.close()


def records(count: int, *, start: int = 0) -> list[tuple[str, bytes]]:
    return [(f"card-{i % 7}", b"%d" % i) for i in range(start, start + count)]


def read(source: Source, count: int, positions: dict[int, int], *, limit: int = 500) -> list[Message]:
    """Read until there are `count` messages, moving `positions`."""
    found: list[Message] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(found) < count and time.monotonic() < deadline:
        batch = source.read(positions, limit=limit, wait_seconds=0.2)
        for message in batch:
            positions[message.partition] = message.position
        found += batch
    return found


def from_start(source: Source) -> dict[int, int]:
    return dict.fromkeys(source.partitions(), START)


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
        positions = [message.position for message in found if message.partition == partition]
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


def test_the_same_positions_read_the_same_messages_again(broker):
    broker.publisher.publish(STREAM, records(20))
    source = broker.new_source()
    first = sorted(message.position for message in read(source, 20, from_start(source)))

    again = sorted(message.position for message in read(source, 20, from_start(source)))

    assert again == first


def test_a_read_brings_at_most_its_limit_of_a_partition(broker):
    broker.publisher.publish(STREAM, [("one-key", b"%d" % i) for i in range(25)])
    source = broker.new_source()
    positions = from_start(source)
    sizes = []
    found: list[Message] = []
    deadline = time.monotonic() + PATIENCE_SECONDS

    while len(found) < 25 and time.monotonic() < deadline:
        batch = source.read(positions, limit=10, wait_seconds=0.2)
        sizes.append(len(batch))
        positions |= {message.partition: message.position for message in batch}
        found += batch

    assert max(sizes) <= 10
    assert [int(message.body) for message in found] == list(range(25))


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


def test_lag_is_what_is_not_read_yet(broker):
    broker.publisher.publish(STREAM, records(30))
    source = broker.new_source()
    positions = from_start(source)
    before = source.lag(positions)
    read(source, 30, positions)
    after = source.lag(positions)
    broker.publisher.publish(STREAM, records(3))

    assert (before, after, source.lag(positions)) == (30, 0, 3)


def test_many_records_at_once_all_arrive(broker):
    broker.publisher.publish(STREAM, records(3000))
    source = broker.new_source()

    assert len(read(source, 3000, from_start(source))) == 3000


AWAY = {
    "valkey": (
        lambda: ValkeySource("redis://127.0.0.1:1/0", STREAM, partitions=1),
        lambda: ValkeyPublisher("redis://127.0.0.1:1/0", partitions=1),
    ),
    "kafka": (lambda: KafkaSource("127.0.0.1:1", STREAM), lambda: KafkaPublisher("127.0.0.1:1")),
}


@pytest.mark.parametrize("name", AWAY)
def test_a_broker_that_is_away_is_told_with_its_stream(name, monkeypatch):
    monkeypatch.setattr("streams.kafka._TIMEOUT_SECONDS", 0.3)
    source, publisher = (make() for make in AWAY[name])

    with pytest.raises(StreamError, match=STREAM):
        source.read({0: START}, limit=1, wait_seconds=0.1)
    with pytest.raises(StreamError, match=STREAM):
        source.lag({0: START})
    with pytest.raises(StreamError, match=STREAM):
        publisher.publish(STREAM, [("k", b"x")])
    source.close()
    publisher.close()


def test_a_kafka_position_that_is_gone_stops_the_reader(kafka_servers):
    publisher, source = KafkaPublisher(kafka_servers), KafkaSource(kafka_servers, "gone")
    publisher.publish("gone", [("k", b"x")])

    with pytest.raises(StreamError, match="Kafka"):
        read(source, 1, dict.fromkeys(source.partitions(), 5_000))

    source.close()
    publisher.close()


def test_a_valkey_record_of_another_shape_does_not_stop_the_reader(valkey: redis.Redis):
    valkey.xadd(f"stream:{STREAM}:0", {"nobody": "expects"})

    found = ValkeySource(settings.REDIS_URL, STREAM, partitions=1).read({0: START}, limit=5, wait_seconds=0.1)

    assert [message.body for message in found] == [b""]


@pytest.mark.parametrize("entry_id", [b"0-1", b"1763640000000-0", b"1763640000000-1048575"])
def test_valkey_ids_are_positions_and_back(entry_id):
    assert entry_id_of(position_of(entry_id)).encode() == entry_id


def test_a_key_has_one_partition():
    assert {partition_of(f"card-{i}", 4) for i in range(100)} == {0, 1, 2, 3}
    assert partition_of("card-1", 4) == partition_of("card-1", 4)
