"""`manage.py shards`: how many Kinesis shards a load takes, what decides it and what they cost a month."""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from streams.capacity import Load, Plan, plan_shards
from streams.connect import connect_source
from streams.source import TRANSACTIONS, StreamError

LARGEST_RECORD_BYTES = 1024 * 1024


def records_a_second(value: str) -> float:
    """A number above 0."""
    return _number(value, float, "a number of records a second", lambda number: 0 < number < 1e9)


def headroom_percent(value: str) -> float:
    """From 0 to 90."""
    return _number(value, float, "a percentage from 0 to 90", lambda number: 0 <= number <= 90)


def whole_number(value: str) -> int:
    """From 1 to the size of the largest record."""
    words = f"a whole number from 1 to {LARGEST_RECORD_BYTES}"
    return int(_number(value, int, words, lambda number: 1 <= number <= LARGEST_RECORD_BYTES))


def _number(value: str, kind: Callable[[str], float], words: str, is_sensible: Callable[[float], bool]) -> float:
    try:
        number = kind(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{value!r} is not {words}") from error
    if not is_sensible(number):
        raise argparse.ArgumentTypeError(f"{value!r} is not {words}")
    return number


class Command(BaseCommand):
    help = "Say how many Kinesis shards a load takes, which limit decides it and what they cost a month."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rate", type=records_a_second, required=True, metavar="N", help="records a second")
        parser.add_argument(
            "--record-bytes", type=whole_number, required=True, metavar="N", help="of a record, its key included"
        )
        parser.add_argument(
            "--consumers", type=whole_number, default=1, metavar="N", help="programs that read it all; default: 1"
        )
        parser.add_argument(
            "--headroom", type=headroom_percent, default=25.0, metavar="PERCENT", help="kept free; default: 25"
        )
        parser.add_argument("--extended-retention", action="store_true", help="records are kept longer than 24 hours")
        parser.add_argument(
            "--running",
            action="store_true",
            help=f"compare with the open shards of {TRANSACTIONS}; exit code 1 when they are too few",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        prices: Mapping[str, Any] = settings.KINESIS_PRICES
        plan = plan_shards(
            Load(options["rate"], options["record_bytes"], options["consumers"]),
            headroom=options["headroom"] / 100,
            prices=prices["usd"],
            is_kept_longer=options["extended_retention"],
        )
        running = _open_shards() if options["running"] else None
        self.stdout.write(json.dumps(_facts(plan, running)) if options["json"] else _words(plan, running))
        if running is not None and running < plan.shards:
            raise CommandError(f"{TRANSACTIONS} has {running} open shards of {plan.shards}: split some.", returncode=1)


def _open_shards() -> int:
    """Shards of the stream that take records; a closed one is listed with those that came from it."""
    if not settings.STREAM_URL.startswith("kinesis://"):
        raise CommandError("--running needs a STREAM_URL of kinesis://region.", returncode=2)
    source = connect_source(TRANSACTIONS)
    try:
        listed = source.partitions()
    except StreamError as error:
        raise CommandError(str(error), returncode=2) from error
    finally:
        source.close()
    return len({shard.name for shard in listed} - {parent for shard in listed for parent in shard.parents})


def _facts(plan: Plan, running: int | None) -> dict[str, Any]:
    facts = asdict(plan) | {"prices": settings.KINESIS_PRICES}
    return facts if running is None else facts | {"open_shards": running}


def _words(plan: Plan, running: int | None) -> str:
    prices = settings.KINESIS_PRICES
    limits = ", ".join(f"{name} {needed:.2f}" for name, needed in plan.shards_by_limit.items())
    lines = [
        f"{plan.shards} shards; {plan.limit} decide.",
        f"Without headroom: {limits}.",
        f"About {plan.usd_a_month:,.2f} USD a month at the prices of {prices['region']}, {prices['as_of']}.",
    ]
    return "\n".join(lines if running is None else [*lines, f"{running} shards are open now."])
