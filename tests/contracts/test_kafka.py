"""What is Kafka's own: offsets that are gone, brokers that are away, the client library's properties."""

import time
from traceback import format_exception

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from django.core.exceptions import ImproperlyConfigured

from streams.connect import connect_publisher, connect_source
from streams.kafka import KafkaPublisher, KafkaSource
from streams.source import START, StreamError
from tests.contracts.mock_kafka import mock_cluster
from tests.contracts.reading import PATIENCE_SECONDS, from_start, read, records


@pytest.fixture
def kafka_topic(kafka_servers, stream_name) -> str:
    """A topic with thirty records."""
    publisher = KafkaPublisher(kafka_servers, properties={})
    publisher.publish(stream_name, records(30))
    publisher.close()
    return stream_name


def test_a_position_that_is_gone_stops_the_reader_again_and_again(kafka_servers, kafka_topic):
    source = KafkaSource(kafka_servers, kafka_topic, properties={})
    gone = {partition.name: 5_000 for partition in source.partitions()}

    for _ in range(2):
        with pytest.raises(StreamError, match="Kafka"):
            read(source, 1, gone)
    source.close()


def test_records_that_came_beside_an_error_are_read_again(kafka_servers, kafka_topic):
    source = KafkaSource(kafka_servers, kafka_topic, properties={})
    positions = from_start(source)
    with pytest.raises(StreamError):
        read(source, 31, positions | {"0": 5_000})

    found = read(source, 30, positions)

    assert len(found) == 30
    source.close()


def test_brokers_that_all_go_away_are_told_and_reading_goes_on_when_they_are_back(monkeypatch):
    quick = {"reconnect.backoff.max.ms": "100", "log_level": "0"}
    with mock_cluster() as cluster:
        publisher = KafkaPublisher(cluster.servers, properties=quick)
        source = KafkaSource(cluster.servers, "topic", properties=quick)
        publisher.publish("topic", records(5))
        positions = from_start(source)
        read(source, 5, positions)

        cluster.stop_answering()
        with monkeypatch.context() as patch:
            patch.setattr("streams.kafka._TIMEOUT_SECONDS", 0.5)
            patch.setattr("streams.kafka._SILENCE_SECONDS", 0.2)
            with pytest.raises(StreamError, match="topic"):
                read(source, 1, positions)
        cluster.answer_again()
        publisher.publish("topic", records(2, start=5))

        assert sorted(message.body for message in _in_spite_of_errors(source, 2, positions)) == [b"5", b"6"]
        source.close()
        publisher.close()


def _in_spite_of_errors(source, count, positions):
    deadline = time.monotonic() + PATIENCE_SECONDS
    found = []
    while len(found) < count and time.monotonic() < deadline:
        try:
            batch = source.read(positions, limit=10, wait_seconds=0.2)
        except StreamError:
            continue
        positions |= {message.partition: message.position for message in batch}
        found += batch
    return found


def test_a_record_that_is_too_large_is_told(kafka_servers, stream_name):
    publisher = KafkaPublisher(kafka_servers, properties={})

    with pytest.raises(StreamError, match=f"{stream_name}.*too large"):
        publisher.publish(stream_name, [("card", b"x" * 2_000_000)])
    publisher.close()


def test_records_of_a_call_that_failed_are_not_written_later(monkeypatch):
    quick = {"reconnect.backoff.max.ms": "100", "log_level": "0"}
    with mock_cluster() as cluster:
        publisher = KafkaPublisher(cluster.servers, properties=quick)
        publisher.publish("topic", records(1))
        cluster.stop_answering()
        with monkeypatch.context() as patch:
            patch.setattr("streams.kafka._TIMEOUT_SECONDS", 0.5)
            with pytest.raises(StreamError, match="not acknowledged"):
                publisher.publish("topic", records(3, start=1))

        cluster.answer_again()
        publisher.publish("topic", records(1, start=9))

        source = KafkaSource(cluster.servers, "topic", properties=quick)
        assert sorted(message.body for message in read(source, 2, from_start(source))) == [b"0", b"9"]
        assert source.lag(from_start(source)) == 2
        source.close()
        publisher.close()


def test_a_local_queue_that_stays_full_is_told(monkeypatch):
    monkeypatch.setattr("streams.kafka._TIMEOUT_SECONDS", 0.3)
    properties = {"queue.buffering.max.messages": "1", "log_level": "0"}
    publisher = KafkaPublisher("127.0.0.1:1", properties=properties)

    with pytest.raises(StreamError, match="topic.*queue stayed full"):
        publisher.publish("topic", records(2))
    publisher.close()


def test_marks_of_transactions_are_no_unread_records(kafka_servers, stream_name):
    producer = Producer({"bootstrap.servers": kafka_servers, "transactional.id": stream_name})
    producer.init_transactions(PATIENCE_SECONDS)
    producer.begin_transaction()
    for _ in range(3):
        producer.produce(stream_name, b"x", partition=0)
    producer.commit_transaction(PATIENCE_SECONDS)
    source = KafkaSource(kafka_servers, stream_name, properties={})
    positions = from_start(source)
    read(source, 3, positions)

    source.read(positions, limit=10, wait_seconds=0.2)

    assert source.lag(positions) == 0
    assert source.lag(positions | {"0": 0}) == 3  # two records and the mark: nobody has read from here
    source.close()


def test_lag_tools_are_told_where_the_reader_is(kafka_servers, kafka_topic):
    source = KafkaSource(kafka_servers, kafka_topic, properties={})
    positions = from_start(source)
    read(source, 30, positions)

    source.tell(positions)
    source.close()

    asked = [TopicPartition(kafka_topic, int(partition)) for partition in positions]
    tool = Consumer({"bootstrap.servers": kafka_servers, "group.id": f"fraudapp-{kafka_topic}"})
    told = {str(part.partition): part.offset for part in tool.committed(asked, timeout=PATIENCE_SECONDS)}
    tool.close()
    assert {part: told[part] - 1 for part, last in positions.items() if last != START} == {
        part: last for part, last in positions.items() if last != START
    }


def test_a_property_of_the_deployment_reaches_the_client_library(settings):
    settings.STREAM_URL = "kafka://127.0.0.1:1"
    settings.KAFKA_CLIENT = {"security.protocol": "SASL_SSL", "sasl.mechanism": "NO-SUCH-MECHANISM"}

    with pytest.raises(ImproperlyConfigured, match="sasl.mechanism"):
        connect_publisher()
    with pytest.raises(ImproperlyConfigured, match="sasl.mechanism"):
        connect_source("topic")


def test_an_unknown_property_is_named(settings):
    settings.STREAM_URL = "kafka://127.0.0.1:1"
    settings.KAFKA_CLIENT = {"sasl.pasword": "a-secret"}

    with pytest.raises(ImproperlyConfigured, match="sasl.pasword") as error:
        connect_source("topic")

    assert "a-secret" not in str(error.value)


@pytest.mark.parametrize("name", ["security.protocol", "sasl.mechanism", "debug"])
def test_a_value_that_is_refused_is_not_told(name, settings):
    settings.STREAM_URL = "kafka://127.0.0.1:1"
    settings.KAFKA_CLIENT = {"security.protocol": "SASL_SSL", name: "a.secret"}

    with pytest.raises(ImproperlyConfigured, match=name) as error:
        connect_source("topic")

    assert "a.secret" not in "".join(format_exception(error.value))


@pytest.mark.parametrize("name", ["auto.offset.reset", "group.id", "enable.auto.commit", "enable.idempotence"])
def test_a_property_exactness_rests_on_cannot_be_set(name, settings):
    settings.STREAM_URL = "kafka://127.0.0.1:1"
    settings.KAFKA_CLIENT = {name: "latest"}
    variable = "KAFKA_CLIENT_" + name.upper().replace(".", "_")

    with pytest.raises(ImproperlyConfigured, match=variable):
        connect_source("topic")
