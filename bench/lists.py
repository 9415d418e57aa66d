"""`python -m bench.lists`: lists of up to a million entries: looking payments up, importing, and as they stood once."""

import argparse
import random
import resource
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from statistics import median
from typing import Any

from bench import rig

BATCHES = (1, 64, 500)
SIZES = (0, 1_000, 1_000_000)
NETWORKS, LENGTHS = 50_000, (8, 12, 16, 20, 22, 24, 26, 28)
HISTORY = 20_000
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def main() -> None:
    argparse.ArgumentParser(prog="python -m bench.lists", description=__doc__).parse_args()
    with rig.servers():
        _measure()


def _measure() -> None:
    from django.contrib.auth.models import User

    author = User.objects.create(username="bench")
    standing = 0
    for size in SIZES:
        if size:
            _import("bench", size - standing, _values(standing, size), author)
            standing = size
            _settle()
        _print_hits(f"{size:,} entries")
    _import("bench", NETWORKS, _networks(), author, entity="ip")
    _settle()
    _print_hits(f"and {NETWORKS:,} networks of {len(LENGTHS)} lengths")
    _print_history()


def _settle() -> None:
    """What autovacuum does within minutes."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE scoring_listentry, scoring_listchange")


def _values(first: int, end: int) -> Iterator[str]:
    return (f"card-{number},seen in a breach\n" for number in range(first, end))


def _networks() -> Iterator[str]:
    chance = random.Random(7)
    for number in range(NETWORKS):
        bits = LENGTHS[number % len(LENGTHS)]
        start = chance.getrandbits(bits) << (32 - bits)
        yield f"{'.'.join(str(start >> shift & 255) for shift in (24, 16, 8, 0))}/{bits},hosting\n"


def _import(name: str, count: int, lines: Iterator[str], author: Any, *, entity: str = "card") -> None:
    from scoring.models import NamedList
    from scoring.rules.list_files import Given
    from scoring.services.list_imports import Order, import_file

    NamedList.objects.get_or_create(name=name)
    order = Order(name, "add", f"{name}.csv", Given(entity=entity), skips_bad_lines=True)
    started = time.perf_counter()
    done = import_file(lines, order, author=author, at=datetime.now(UTC))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"import of {count:,} lines: {time.perf_counter() - started:.1f} s, {done.put_on:,} put on, peak {peak:.0f} MB"
    )


def _print_hits(what: str) -> None:
    from scoring.queries_lists import list_hits

    for size in BATCHES:
        chunks = [_payments(size, seed) for seed in range(40)]
        times = [_timed(partial(list_hits, chunk, at=NOON)) for chunk in chunks * 3][40:]
        print(
            f"{what}: batch of {size}: {median(times) * 1000:.2f} ms, p95 {sorted(times)[-len(times) // 20] * 1000:.2f}"
        )


def _print_history() -> None:
    from scoring.services.list_history import ListHistory
    from scoring.services.listed_values import ListedValues

    payments = _payments(HISTORY, 1)
    moments = [NOON + timedelta(days=30)] * HISTORY
    started = time.perf_counter()
    listed = ListedValues()
    print(f"reading all that lists ever named: {time.perf_counter() - started:.2f} s")
    for _ in range(3):
        seconds = _timed(lambda: ListHistory(payments, listed=listed).listed(payments, moments))
        print(f"history of {HISTORY:,} payments: {seconds:.2f} s")


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _payments(count: int, seed: int) -> list[Any]:
    from scoring.transaction import Transaction

    chance = random.Random(seed)
    return [
        Transaction(
            transaction_id=f"t-{number}",
            occurred_at=NOON,
            amount=Decimal("12.50"),
            currency="EUR",
            card_id=f"card-{chance.randrange(5_000_000)}",
            customer_id=f"customer-{chance.randrange(5_000_000)}",
            merchant_id=f"merchant-{chance.randrange(2_200)}",
            device_id=f"device-{chance.randrange(5_000_000)}",
            ip_address=".".join(str(chance.randrange(1, 224)) for _ in range(4)),
            merchant_country=chance.choice(("FR", "SE", "US")),
            card_country="FR",
        )
        for number in range(count)
    ]


if __name__ == "__main__":
    main()
