"""Kafka as a log: partitions are assigned by us from the leases in PostgreSQL, positions are ours too."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from math import nan
from typing import Any

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from django.core.exceptions import ImproperlyConfigured

from streams import source
from streams.source import START, Partition, StreamError

_TIMEOUT_SECONDS = 10.0
# A topic that is silent for this long is asked whether its brokers are there: the client library reports nothing
# while it tries to reach them.
_SILENCE_SECONDS = 5.0

# What exactness rests on; no deployment sets these.
_FIXED = {
    "bootstrap.servers": "they are in STREAM_URL",
    "group.id": "lag tools know the group by it",
    "enable.auto.commit": "progress is kept in PostgreSQL",
    "enable.auto.offset.store": "progress is kept in PostgreSQL",
    "auto.offset.reset": "a position that is gone means lost payments and must stop the reader",
    "enable.idempotence": "it keeps the order of a card's records",
    "session.timeout.ms": "the consumer joins no group",
    "acks": "a record counts as written when all replicas have it",
}

_PROPERTY = re.compile(r"[a-z]+(?:\.[a-z]+)+")

Delivered = Callable[[KafkaError | None, Message], None]
Properties = Mapping[str, str]


def _made(kind: type, servers: str, defaults: Mapping[str, Any], given: Properties, fixed: Mapping[str, Any]) -> Any:
    """A client of the library; `given` properties override `defaults`. Raises: ImproperlyConfigured."""
    for name in given:
        if name in _FIXED:
            variable = "KAFKA_CLIENT_" + name.upper().replace(".", "_")
            raise ImproperlyConfigured(f"{variable} cannot be set: {_FIXED[name]}")
    try:
        return kind({**defaults, **given, **fixed, "bootstrap.servers": servers})
    except KafkaException as error:
        names = _names_in(str(error), values=[servers, *given.values()]) or list(given)
        # Not `from error`: its words would be logged too.
        raise ImproperlyConfigured(
            f"Kafka's client refuses its settings (KAFKA_CLIENT_...); look at {', '.join(names) or 'STREAM_URL'}"
        ) from None


def _names_in(message: str, *, values: Sequence[str]) -> list[str]:
    """Properties a message of the library names. It quotes values too, and they may be secrets: nothing of them."""
    names = dict.fromkeys(_PROPERTY.findall(message))
    return [name for name in names if not any(name in value for value in values)]


class KafkaSource:
    """Reads one topic from positions it is given; the offsets it commits are for lag tools only."""

    def __init__(self, servers: str, stream: str, *, properties: Properties) -> None:
        self._stream = stream
        self._assigned: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self._heard_at = time.monotonic()
        self._consumer: Consumer = _made(
            Consumer,
            servers,
            # The bound of what lies read but undecided in this process: fetching stops beyond it.
            {"fetch.wait.max.ms": 50, "queued.min.messages": 10_000, "queued.max.messages.kbytes": 16_384},
            properties,
            {
                "group.id": f"fraudapp-{stream}",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                # There is no session; closing waits this long for a commit that no broker answers.
                "session.timeout.ms": 6_000,
            },
        )

    def partitions(self) -> Sequence[Partition]:
        try:
            topic = self._consumer.list_topics(self._stream, timeout=_TIMEOUT_SECONDS).topics[self._stream]
        except KafkaException as error:
            raise StreamError(f"Kafka topic {self._stream} cannot be looked up: {error}") from error
        if topic.error is not None:
            raise StreamError(f"Kafka topic {self._stream}: {topic.error}; create it first")
        return [Partition(str(number)) for number in sorted(topic.partitions)]

    def read(self, positions: Mapping[str, int], *, limit: int, wait_seconds: float) -> list[source.Message]:
        if not positions:
            return []
        if self._assigned != dict(positions):
            self._seek(positions)
        try:
            messages = [
                self._as_message(message)
                for message in self._consumer.consume(limit, timeout=wait_seconds)
                if not _is_harmless(message)
            ]
            self._look_for_brokers(is_silent=not messages)
        except StreamError:
            # What came beside the error is not handed out: the next read must fetch it again.
            self._assigned = {}
            raise
        for message in messages:
            self._assigned[message.partition] = message.position
        return messages

    def _look_for_brokers(self, *, is_silent: bool) -> None:
        """Raises: StreamError, when nothing came for some time and no broker answers either."""
        if not is_silent:
            self._heard_at = time.monotonic()
        elif time.monotonic() - self._heard_at > _SILENCE_SECONDS:
            self.partitions()
            self._heard_at = time.monotonic()

    def _seek(self, positions: Mapping[str, int]) -> None:
        try:
            self._consumer.assign(
                [TopicPartition(self._stream, int(part), self._next(part, last)) for part, last in positions.items()]
            )
        except KafkaException as error:
            raise StreamError(f"Kafka topic {self._stream} cannot be read: {error}") from error
        self._assigned = dict(positions)

    def _next(self, partition: str, last: int) -> int:
        if last == START:
            return self._watermarks(partition)[0]
        return last + 1

    def _watermarks(self, partition: str) -> tuple[int, int]:
        """First offset kept and the one after the last."""
        asked = TopicPartition(self._stream, int(partition))
        marks = self._consumer.get_watermark_offsets(asked, timeout=_TIMEOUT_SECONDS)
        if marks is None:
            raise StreamError(f"Kafka topic {self._stream} does not tell its offsets within {_TIMEOUT_SECONDS:.0f} s")
        return marks

    def _as_message(self, message: Message) -> source.Message:
        partition, offset = message.partition(), message.offset()
        assert partition is not None  # a record without an error has both
        assert offset is not None
        kind, milliseconds = message.timestamp()
        produced_at = nan if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds / 1000
        return source.Message(self._stream, str(partition), offset, message.value() or b"", produced_at)

    def ended(self) -> frozenset[str]:
        return frozenset()

    def lag(self, positions: Mapping[str, int]) -> int | None:
        try:
            return sum(self._lag(partition, last) for partition, last in positions.items())
        except KafkaException as error:
            raise StreamError(f"Kafka topic {self._stream} cannot be measured: {error}") from error

    def _lag(self, partition: str, last: int) -> int:
        first, end = self._watermarks(partition)
        return max(0, end - max(first, last + 1, self._reached(partition, last)))

    def _reached(self, partition: str, last: int) -> int:
        """What this reader reads next after a position, marks of transactions passed over; 0 when it is not there."""
        if self._assigned.get(partition) != last:
            return 0
        (reached,) = self._consumer.position([TopicPartition(self._stream, int(partition))])
        return max(0, reached.offset)  # negative before the first record

    def behind_seconds(self) -> float | None:
        """Kafka tells how far behind reading is in records, not in time."""
        return None

    def tell(self, positions: Mapping[str, int]) -> None:
        news = {part: last for part, last in positions.items() if last != START and self._told.get(part) != last}
        if not news:
            return
        offsets = [TopicPartition(self._stream, int(part), last + 1) for part, last in news.items()]
        # Lag tools that are a little behind are no reason to stop deciding.
        with suppress(KafkaException):
            self._consumer.commit(offsets=offsets, asynchronous=True)
            self._told |= news

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


class KafkaPublisher:
    """Writes with acknowledgement of all replicas, in order."""

    def __init__(self, servers: str, *, properties: Properties) -> None:
        self._make = partial(
            _made,
            Producer,
            servers,
            {"linger.ms": 5, "compression.type": "lz4"},
            properties,
            {"enable.idempotence": True, "acks": "all"},
        )
        self._producer: Producer = self._make()

    def publish(self, stream: str, records: Sequence[tuple[str, bytes]]) -> None:
        try:
            self._publish(stream, records)
        except StreamError:
            # The caller sends all of them again: what still waits here would come beside that. A purge is not always
            # over when it returns, and then takes the first ones of what is sent again, but not those behind them.
            self._producer.purge()
            self._producer = self._make()
            raise

    def _publish(self, stream: str, records: Sequence[tuple[str, bytes]]) -> None:
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
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while True:
            try:
                self._producer.produce(stream, key=key.encode(), value=body, on_delivery=delivered)
            except BufferError as error:
                if time.monotonic() > deadline:
                    why = f"the local queue stayed full for {_TIMEOUT_SECONDS:.0f} s"
                    raise StreamError(f"Kafka topic {stream} cannot be written: {why}") from error
                self._producer.poll(0.1)  # let it drain
            except KafkaException as error:
                raise StreamError(f"Kafka topic {stream} cannot be written: {error}") from error
            else:
                return

    def close(self) -> None:
        self._producer.flush(_TIMEOUT_SECONDS)
