"""Kafka as a log: partitions are assigned by us from the leases in PostgreSQL, positions are ours too."""

from collections.abc import Callable, Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from streams import source
from streams.source import StreamError

_TIMEOUT_SECONDS = 10.0

Delivered = Callable[[KafkaError | None, Message], None]


class KafkaSource:
    """Reads one topic from positions it is given; commits nothing."""

    def __init__(self, servers: str, stream: str) -> None:
        self._stream = stream
        self._assigned: dict[int, int] = {}
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": f"fraudapp-{stream}",
                "enable.auto.commit": False,
                # A position that is gone means lost payments: stop and say so rather than skip.
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 50,
            }
        )

    def partitions(self) -> Sequence[int]:
        try:
            topic = self._consumer.list_topics(self._stream, timeout=_TIMEOUT_SECONDS).topics[self._stream]
        except KafkaException as error:
            raise StreamError(f"Kafka topic {self._stream} cannot be looked up: {error}") from error
        if topic.error is not None:
            raise StreamError(f"Kafka topic {self._stream}: {topic.error}; create it first")
        return sorted(topic.partitions)

    def read(self, positions: Mapping[int, int], *, limit: int, wait_seconds: float) -> list[source.Message]:
        if self._assigned != dict(positions):
            self._seek(positions)
        messages = [
            _as_message(self._stream, message)
            for message in self._consumer.consume(limit, timeout=wait_seconds)
            if not _is_harmless(message)
        ]
        for message in messages:
            self._assigned[message.partition] = message.position
        return messages

    def _seek(self, positions: Mapping[int, int]) -> None:
        try:
            self._consumer.assign(
                [TopicPartition(self._stream, part, self._next(part, last)) for part, last in positions.items()]
            )
        except KafkaException as error:
            raise StreamError(f"Kafka topic {self._stream} cannot be read: {error}") from error
        self._assigned = dict(positions)

    def _next(self, partition: int, last: int) -> int:
        if last >= 0:
            return last + 1
        return self._watermarks(partition)[0]

    def _watermarks(self, partition: int) -> tuple[int, int]:
        """First offset kept and the one after the last."""
        asked = TopicPartition(self._stream, partition)
        marks = self._consumer.get_watermark_offsets(asked, timeout=_TIMEOUT_SECONDS)
        if marks is None:
            raise StreamError(f"Kafka topic {self._stream} does not tell its offsets within {_TIMEOUT_SECONDS:.0f} s")
        return marks

    def lag(self, positions: Mapping[int, int]) -> int:
        try:
            return sum(max(0, self._watermarks(part)[1] - 1 - last) for part, last in positions.items())
        except KafkaException as error:
            raise StreamError(f"Kafka topic {self._stream} cannot be measured: {error}") from error

    def close(self) -> None:
        self._consumer.close()


def _is_harmless(message: Message) -> bool:
    """End of partition and a broker that is away for a moment are no messages.

    Raises:
        StreamError: anything else the broker reports.
    """
    error = message.error()
    if error is None:
        return False
    if error.code() == KafkaError._PARTITION_EOF or error.retriable() or error.code() in _AWAY:
        return True
    raise StreamError(f"Kafka: {error}")


_AWAY = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT)


def _as_message(stream: str, message: Message) -> source.Message:
    partition, offset = message.partition(), message.offset()
    assert partition is not None  # a record without an error has both
    assert offset is not None
    return source.Message(stream, partition, offset, message.value() or b"")


class KafkaPublisher:
    """Writes with acknowledgement of all replicas, in order."""

    def __init__(self, servers: str) -> None:
        self._producer = Producer(
            {"bootstrap.servers": servers, "enable.idempotence": True, "linger.ms": 5, "compression.type": "lz4"}
        )

    def publish(self, stream: str, records: Sequence[tuple[str, bytes]]) -> None:
        failures: list[str] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failures.append(str(error))

        for key, body in records:
            self._produce(stream, key, body, delivered)
        waiting = self._producer.flush(_TIMEOUT_SECONDS)
        if failures or waiting:
            why = failures[0] if failures else f"{waiting} records not acknowledged in {_TIMEOUT_SECONDS:.0f} s"
            raise StreamError(f"Kafka topic {stream} cannot be written: {why}")

    def _produce(self, stream: str, key: str, body: bytes, delivered: Delivered) -> None:
        while True:
            try:
                self._producer.produce(stream, key=key.encode(), value=body, on_delivery=delivered)
            except BufferError:
                self._producer.poll(0.1)  # the local queue is full: let it drain
            else:
                return

    def close(self) -> None:
        self._producer.flush(_TIMEOUT_SECONDS)
