"""`manage.py shards`: the figures in words and as JSON, the running stream, what it refuses."""

import json

import pytest
from django.core.management import CommandError, call_command

from streams.source import Partition, StreamError

LOAD = ["--rate", "10000", "--record-bytes", "320"]


class Listed:
    """A stream whose shards are these."""

    def __init__(self, *shards: Partition) -> None:
        self.shards = shards

    def partitions(self):
        if not self.shards:
            raise StreamError("Kinesis stream transactions cannot be looked up")
        return self.shards

    def close(self) -> None:
        pass


@pytest.fixture
def running(settings, monkeypatch):
    settings.STREAM_URL = "kinesis://eu-central-1"

    def run(*shards: Partition) -> None:
        monkeypatch.setattr("streams.management.commands.shards.connect_source", lambda stream: Listed(*shards))

    return run


def test_it_says_how_many_what_decides_and_what_it_costs(capsys):
    call_command("shards", *LOAD)

    said = capsys.readouterr().out
    assert "14 shards; write records decide" in said
    assert "521.22 USD a month at the prices of us-east-1" in said


def test_the_same_as_json(capsys, settings):
    call_command("shards", *LOAD, "--json")

    told = json.loads(capsys.readouterr().out)
    assert (told["shards"], told["limit"]) == (14, "write records")
    assert told["shards_by_limit"]["write records"] == 10.0
    assert told["usd_a_month"] == pytest.approx(521.22)
    assert told["prices"] == settings.KINESIS_PRICES
    assert "open_shards" not in told


def test_prices_come_from_the_settings(capsys, settings):
    dearer = {name: 2 * price for name, price in settings.KINESIS_PRICES["usd"].items()}
    settings.KINESIS_PRICES = {**settings.KINESIS_PRICES, "region": "eu-central-1", "usd": dearer}

    call_command("shards", *LOAD)

    assert "1,042.44 USD a month at the prices of eu-central-1" in capsys.readouterr().out


def test_a_running_stream_with_too_few_open_shards_fails_and_still_prints(running, capsys):
    parent = Partition("parent")
    running(parent, *[Partition(f"child-{i}", parents=("parent",)) for i in range(2)])

    with pytest.raises(CommandError, match="2 open shards of 14") as error:
        call_command("shards", *LOAD, "--running", "--json")

    assert error.value.returncode == 1
    assert json.loads(capsys.readouterr().out)["open_shards"] == 2


def test_a_running_stream_with_enough_open_shards_is_well(running, capsys):
    running(*[Partition(f"shard-{i}") for i in range(14)])

    call_command("shards", *LOAD, "--running")

    assert "14 shards are open now" in capsys.readouterr().out


def test_a_stream_that_cannot_be_looked_up_is_told(running):
    running()

    with pytest.raises(CommandError, match="cannot be looked up") as error:
        call_command("shards", *LOAD, "--running")

    assert error.value.returncode == 2


def test_running_needs_kinesis():
    with pytest.raises(CommandError, match="kinesis://") as error:
        call_command("shards", *LOAD, "--running")

    assert error.value.returncode == 2


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--rate", "0"),
        ("--rate", "many"),
        ("--rate", "nan"),
        ("--record-bytes", "0"),
        ("--record-bytes", "0.5"),
        ("--record-bytes", "2000000"),
        ("--consumers", "0"),
        ("--headroom", "-1"),
        ("--headroom", "100"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_and_named(option, value):
    with pytest.raises(CommandError, match=f"{option}.*is not"):
        call_command("shards", *LOAD, option, value)
