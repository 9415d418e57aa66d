"""What is Kinesis's own: limits of a call, refused records, iterators that expire, records that are too old."""

import logging
import time

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from streams.kinesis import KinesisSource
from streams.kinesis_publisher import KinesisPublisher
from streams.positions import Including
from streams.source import START, StreamError
from tests.contracts.conftest import REGION
from tests.contracts.reading import from_start, read, records


@pytest.fixture
def source(kinesis_url, kinesis_stream):
    source = KinesisSource(REGION, kinesis_stream, endpoint_url=kinesis_url)
    yield source
    source.close()


@pytest.fixture
def publisher(kinesis_url, monkeypatch):
    monkeypatch.setattr("streams.kinesis_publisher.FIRST_BACKOFF_SECONDS", 0.001)
    publisher = KinesisPublisher(REGION, endpoint_url=kinesis_url)
    yield publisher
    publisher.close()


def watched(monkeypatch, source: KinesisSource, operation: str, code: str | None) -> list[dict]:
    """The client's next call of an operation fails, if there is a code; all its calls' parameters, as they come."""
    answer, calls = getattr(source._client, operation), []

    def call(**parameters):
        calls.append(parameters)
        if code and len(calls) == 1:
            raise ClientError({"Error": {"Code": code, "Message": "said so"}}, operation)
        return answer(**parameters)

    monkeypatch.setattr(source._client, operation, call)
    return calls


@pytest.mark.parametrize("code", ["ExpiredIteratorException", "ProvisionedThroughputExceededException"])
def test_an_expired_iterator_and_throttling_lose_and_repeat_nothing(
    code, source, publisher, kinesis_stream, monkeypatch
):
    publisher.publish(kinesis_stream, records(30))
    positions = from_start(source)
    found = read(source, 30, positions)
    publisher.publish(kinesis_stream, records(30, start=30))

    calls = watched(monkeypatch, source, "get_records", code)
    found += read(source, 30, positions)

    assert sorted(int(message.body) for message in found) == list(range(60))
    assert len(calls) > 1


def test_a_throttled_shard_is_asked_again_only_after_a_pause(source, kinesis_stream, monkeypatch):
    monkeypatch.setattr("streams.kinesis.FIRST_BACKOFF_SECONDS", 3600)
    monkeypatch.setattr("streams.kinesis.LONGEST_BACKOFF_SECONDS", 3600)
    shard = source.partitions()[0].name
    calls = watched(monkeypatch, source, "get_records", "ProvisionedThroughputExceededException")

    for _ in range(3):
        assert source.read({shard: START}, limit=10, wait_seconds=0.05) == []

    assert len(calls) == 1


def test_any_other_error_is_told_with_the_shard(source, kinesis_stream, monkeypatch):
    shard = source.partitions()[0].name
    watched(monkeypatch, source, "get_records", "AccessDeniedException")

    with pytest.raises(StreamError, match=f"{shard}.*said so"):
        source.read({shard: START}, limit=10, wait_seconds=0.05)


def test_a_new_reader_does_not_repeat_the_record_at_its_position(source, publisher, kinesis_url, kinesis_stream):
    publisher.publish(kinesis_stream, records(20))
    positions = from_start(source)
    read(source, 20, positions)
    again = KinesisSource(REGION, kinesis_stream, endpoint_url=kinesis_url)

    assert again.read(positions, limit=10, wait_seconds=0.1) == []
    again.close()


def test_a_position_older_than_what_is_kept_is_told_and_reading_goes_on(source, publisher, kinesis_stream, caplog):
    publisher.publish(kinesis_stream, [("card", b"kept")])
    found = read(source, 1, from_start(source))

    with caplog.at_level(logging.ERROR):
        again = read(source, 1, {found[0].partition: found[0].position - 1_000_000})

    assert [message.body for message in again] == [b"kept"]
    assert "no longer keeps" in caplog.text
    assert found[0].partition in caplog.text


def test_a_reader_that_begins_with_a_record_asks_for_that_record_and_misses_none(
    source, publisher, kinesis_stream, monkeypatch, caplog
):
    publisher.publish(kinesis_stream, [("card", b"0"), ("card", b"1")])
    last = read(source, 2, from_start(source))[1]
    calls = watched(monkeypatch, source, "get_shard_iterator", None)

    with caplog.at_level(logging.ERROR):
        found = read(source, 1, {last.partition: Including(last.position)})

    assert found == [last]
    assert calls[0]["StartingSequenceNumber"] == str(last.position)
    assert caplog.text == ""


def test_how_far_behind_reading_is_is_unknown_until_every_shard_has_answered(source, kinesis_stream, monkeypatch):
    unasked = source.behind_seconds()
    with monkeypatch.context() as patch:
        watched(patch, source, "get_records", "ProvisionedThroughputExceededException")
        source.read(from_start(source), limit=10, wait_seconds=0.0)
    throttled = source.behind_seconds()
    later = time.monotonic() + 3600
    monkeypatch.setattr(time, "monotonic", lambda: later)

    source.read(from_start(source), limit=10, wait_seconds=0.0)

    assert (unasked, throttled, source.behind_seconds()) == (None, None, 0.0)


def test_how_far_behind_reading_is_is_not_told_by_an_old_answer(source, publisher, kinesis_stream, monkeypatch):
    monkeypatch.setattr("streams.kinesis.SHARD_READ_BYTES", 0.001)
    publisher.publish(kinesis_stream, [("card", b"pays for hours of reading")])
    positions = from_start(source)
    read(source, 1, positions)

    source.read(positions, limit=10, wait_seconds=0.05)

    assert source.behind_seconds() is None


def test_reading_is_as_far_behind_as_the_worst_shard_says(source, kinesis_stream, monkeypatch):
    answer, behind = source._client.get_records, iter([0, 90_000, 7_000, 0])
    monkeypatch.setattr(
        source._client, "get_records", lambda **call: answer(**call) | {"MillisBehindLatest": next(behind)}
    )

    source.read(from_start(source), limit=10, wait_seconds=0.0)

    assert source.behind_seconds() == 90.0


def test_what_one_call_brought_serves_many_small_reads(source, publisher, kinesis_stream, monkeypatch):
    publisher.publish(kinesis_stream, [("card", b"%d" % i) for i in range(50)])
    shard = read(source, 1, from_start(source))[0].partition
    calls = watched(monkeypatch, source, "get_records", None)

    found = read(source, 50, {shard: START}, limit=5)

    assert [int(message.body) for message in found] == list(range(50))
    assert len(calls) == 1


def entry(key: str, body: bytes) -> dict:
    return {"PartitionKey": key, "Data": body}


def answer(*codes: str | None) -> dict:
    """PutRecords's, with an error code or None a record."""
    written = {"SequenceNumber": "1", "ShardId": "shardId-0"}
    return {"Records": [{"ErrorCode": code, "ErrorMessage": "no"} if code else written for code in codes]}


def test_a_refused_record_is_written_again_with_the_later_ones_of_its_key(publisher):
    sent = [("a", b"1"), ("b", b"2"), ("a", b"3"), ("b", b"4"), ("a", b"5")]
    again = [("a", b"3"), ("a", b"5")]
    throttled = "ProvisionedThroughputExceededException"
    with Stubber(publisher._client) as stub:
        stub.add_response(
            "put_records",
            answer(None, None, throttled, None, None),
            {"StreamName": "s", "Records": [entry(*record) for record in sent]},
        )
        stub.add_response(
            "put_records", answer(None, None), {"StreamName": "s", "Records": [entry(*record) for record in again]}
        )

        publisher.publish("s", sent)

        stub.assert_no_pending_responses()


def test_a_throttled_call_is_made_again(publisher):
    with Stubber(publisher._client) as stub:
        stub.add_client_error("put_records", "ProvisionedThroughputExceededException")
        stub.add_response("put_records", answer(None), {"StreamName": "s", "Records": [entry("a", b"1")]})

        publisher.publish("s", [("a", b"1")])

        stub.assert_no_pending_responses()


def test_a_publisher_that_is_refused_for_long_gives_up(publisher, monkeypatch):
    monkeypatch.setattr("streams.kinesis_publisher._GIVE_UP_SECONDS", 0.0)
    with Stubber(publisher._client) as stub:
        stub.add_response("put_records", answer("InternalFailure"), {"StreamName": "s", "Records": ANY})

        with pytest.raises(StreamError, match="s refused 1 records.*InternalFailure"):
            publisher.publish("s", [("a", b"1")])


def test_calls_keep_to_the_limits_of_records_and_bytes(publisher, source, kinesis_stream, monkeypatch):
    written, put = [], publisher._client.put_records
    monkeypatch.setattr(
        publisher._client, "put_records", lambda **call: written.append(len(call["Records"])) or put(**call)
    )

    publisher.publish(kinesis_stream, records(1200))
    publisher.publish(kinesis_stream, [("card", b"x" * 1_000_000)] * 7)

    assert written == [500, 500, 200, 5, 2]


def test_a_record_above_a_megabyte_is_told(publisher, kinesis_stream):
    with pytest.raises(StreamError, match="above 1 MB"):
        publisher.publish(kinesis_stream, [("card", b"x" * 1024 * 1024)])


@pytest.mark.parametrize("key", ["", "k" * 300])
def test_any_key_can_be_written(key, publisher, source, kinesis_stream):
    publisher.publish(kinesis_stream, [(key, b"x")])

    assert [message.body for message in read(source, 1, from_start(source))] == [b"x"]
