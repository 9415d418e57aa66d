"""How many shards a load takes, and the warning before one is full."""

import logging

import pytest

from streams.capacity import Load, ShardMeter, plan_shards

PRICES = {"shard_hour": 0.015, "shard_hour_extended_retention": 0.020, "million_put_payload_units": 0.014}
SHARD = "shardId-000000000001"
NOON = 1_763_640_000.0


def plan(rate: float, record_bytes: int, **overrides):
    consumers = overrides.pop("consumers", 1)
    return plan_shards(Load(rate, record_bytes, consumers), **{"headroom": 0.25, "prices": PRICES, **overrides})


@pytest.mark.parametrize(
    ("load", "shards", "limit"),
    [
        ({"rate": 10_000, "record_bytes": 320}, 14, "write records"),
        ({"rate": 10_000, "record_bytes": 320, "headroom": 0.0}, 10, "write records"),
        ({"rate": 100, "record_bytes": 35 * 1024}, 5, "write bytes"),
        ({"rate": 1_000, "record_bytes": 1024, "consumers": 4, "headroom": 0.0}, 2, "read bytes"),
        ({"rate": 0.1, "record_bytes": 300}, 1, "write records"),
    ],
)
def test_the_tightest_limit_decides_how_many_shards(load, shards, limit):
    planned = plan(**load)

    assert (planned.shards, planned.limit) == (shards, limit)


def test_a_month_costs_shard_hours_and_payload_units():
    planned = plan(10_000, 320)

    assert planned.usd_a_month == pytest.approx(14 * 730 * 0.015 + 10_000 * 3600 * 730 / 1e6 * 0.014)


def test_a_record_is_billed_by_payload_units_rounded_up():
    assert plan(10, 25 * 1024 + 1).usd_a_month - plan(10, 25 * 1024).usd_a_month == pytest.approx(
        10 * 3600 * 730 / 1e6 * 0.014
    )


def test_keeping_records_longer_costs_more_a_shard():
    assert plan(10, 320, is_kept_longer=True).usd_a_month - plan(10, 320).usd_a_month == pytest.approx(730 * 0.020)


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def meter(clock) -> ShardMeter:
    return ShardMeter("transactions", clock=clock)


def arrive(meter: ShardMeter, clock: Clock, seconds: int, *, rate: int, size: int, shard: str = SHARD) -> None:
    """Records at a steady rate, each second read as it ends."""
    for _ in range(seconds):
        clock.now += 1
        meter.add(shard, [(clock.now, size)] * rate, behind_seconds=0.0)


def warnings(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize(
    ("rate", "size", "words"), [(850, 100, "850 of 1,000 records/s"), (100, 9_000, "0.86 of 1 MB/s")]
)
def test_a_shard_that_is_nearly_full_is_warned_of_with_the_command(rate, size, words, meter, clock, caplog):
    arrive(meter, clock, 60, rate=rate, size=size)

    (warning,) = warnings(caplog)
    assert SHARD in warning
    assert "manage.py shards" in warning
    arrive(meter, clock, 60, rate=rate, size=size)
    assert words in warnings(caplog)[-1]


def test_a_shard_with_room_is_not_warned_of(meter, clock, caplog):
    arrive(meter, clock, 120, rate=790, size=100)

    assert warnings(caplog) == []


def test_a_short_peak_is_not_warned_of(meter, clock, caplog):
    arrive(meter, clock, 10, rate=1_000, size=100)
    arrive(meter, clock, 110, rate=100, size=100)

    assert warnings(caplog) == []


def test_a_warning_comes_once_a_minute_and_shard(meter, clock, caplog):
    for _ in range(130):
        clock.now += 1
        for shard in ("a", "b"):
            meter.add(shard, [(clock.now, 100)] * 950, behind_seconds=0.0)

    told = warnings(caplog)
    assert [sum(f"shard {shard} " in line for line in told) for shard in ("a", "b")] == [2, 2]


def test_catching_up_is_not_taken_for_arriving(meter, clock, caplog):
    hours_ago = NOON - 7200
    for second in range(60):
        clock.now += 0.1
        meter.add(SHARD, [(hours_ago + second * 2, 100)] * 1_000, behind_seconds=7000.0)

    assert warnings(caplog) == []


def test_a_shard_that_is_read_nearly_as_fast_as_can_be_is_warned_of(meter, clock, caplog):
    hours_ago = NOON - 7200
    for second in range(60):
        clock.now += 1
        meter.add(SHARD, [(hours_ago + second * 10, 9_000)] * 200, behind_seconds=6_000.0)

    (warning,) = warnings(caplog)
    assert "of 2 MB/s" in warning
    assert "6000 s behind" in warning
    assert "takes in" not in warning
