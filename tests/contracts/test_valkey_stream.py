"""What is the Valkey stream's own: ids, records of another shape, trimming, a lag without reading."""

import pytest
import redis
from django.conf import settings

from streams.positions import Including
from streams.source import START, StreamError
from streams.valkey import ValkeySource, entry_id_of, position_of
from tests.contracts.reading import STREAM

KEY = f"stream:{STREAM}:0"


@pytest.fixture
def source():
    source = ValkeySource(settings.REDIS_URL, STREAM, partitions=1)
    yield source
    source.close()


def add(valkey: redis.Redis, count: int, *, start: int = 0) -> list[int]:
    """Records a second apart from `start` on; their positions."""
    ids = [f"{(start + number + 1) * 1000}-0" for number in range(count)]
    for entry_id in ids:
        valkey.xadd(KEY, {"body": entry_id}, id=entry_id)
    return [position_of(entry_id.encode()) for entry_id in ids]


def test_a_record_of_another_shape_does_not_stop_the_reader(source, valkey: redis.Redis):
    valkey.xadd(KEY, {"nobody": "expects"})

    found = source.read({"0": START}, limit=5, wait_seconds=0.1)

    assert [message.body for message in found] == [b""]


@pytest.mark.parametrize("entry_id", [b"0-1", b"1763640000000-0", b"1763640000000-1048575"])
def test_ids_are_positions_and_back(entry_id):
    assert entry_id_of(position_of(entry_id)).encode() == entry_id


def test_the_time_of_a_record_is_in_its_id(source, valkey: redis.Redis):
    add(valkey, 2)

    found = source.read({"0": START}, limit=5, wait_seconds=0.1)

    assert [message.produced_at for message in found] == [1.0, 2.0]


def test_a_reader_that_starts_where_records_were_trimmed_stops(source, valkey: redis.Redis):
    positions = add(valkey, 10)
    valkey.xtrim(KEY, maxlen=3, approximate=False)

    with pytest.raises(StreamError, match="trimmed"):
        source.read({"0": positions[2]}, limit=5, wait_seconds=0.1)


def test_a_reader_that_is_overtaken_by_the_trimming_stops(source, valkey: redis.Redis):
    positions = {"0": START}
    add(valkey, 10)
    for message in source.read(positions, limit=4, wait_seconds=0.1):
        positions["0"] = message.position
    valkey.xtrim(KEY, maxlen=5, approximate=False)

    with pytest.raises(StreamError, match="trimmed"):
        source.read(positions, limit=4, wait_seconds=0.1)


def test_a_stream_that_was_trimmed_to_nothing_stops_who_had_not_read_it(source, valkey: redis.Redis):
    positions = add(valkey, 5)
    valkey.xtrim(KEY, maxlen=0, approximate=False)

    with pytest.raises(StreamError, match="trimmed"):
        source.read({"0": positions[2]}, limit=5, wait_seconds=0.1)
    assert source.read({"0": positions[4]}, limit=5, wait_seconds=0.01) == []


def test_trimming_of_what_was_read_is_no_loss(source, valkey: redis.Redis):
    positions = add(valkey, 10)
    valkey.xtrim(KEY, maxlen=3, approximate=False)

    found = source.read({"0": positions[7]}, limit=5, wait_seconds=0.1)

    assert [message.position for message in found] == positions[8:]


def test_the_oldest_record_kept_can_be_begun_with(source, valkey: redis.Redis):
    positions = add(valkey, 10)
    valkey.xtrim(KEY, maxlen=3, approximate=False)

    found = source.read({"0": Including(positions[7])}, limit=5, wait_seconds=0.1)

    assert [message.position for message in found] == positions[7:]


def test_a_stream_made_anew_is_read_from_its_beginning(source, valkey: redis.Redis):
    add(valkey, 3)
    valkey.delete(KEY)
    newer = add(valkey, 2, start=100)

    found = source.read({"0": position_of(b"3000-0")}, limit=5, wait_seconds=0.1)

    assert [message.position for message in found] == newer


def test_a_lag_from_the_middle_is_estimated_by_the_clock(source, valkey: redis.Redis):
    positions = add(valkey, 11)

    assert source.lag({"0": positions[5]}) == pytest.approx(5, abs=1)
    assert source.lag({"0": positions[-1]}) == 0


def test_a_lag_is_counted_on_from_where_this_reader_is(source, valkey: redis.Redis):
    add(valkey, 5)
    found = source.read({"0": START}, limit=3, wait_seconds=0.1)
    valkey.xadd(KEY, {"body": "much later"})

    assert source.lag({"0": found[-1].position}) == 3
