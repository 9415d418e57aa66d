"""`simulate`: payments with known truth, to the stream (paced or accelerated) or to a file."""

import heapq
import json
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from streams.connect import connect_publisher
from streams.simulator import SimulatedPayment, World, encode, paced, payments, write_payments
from streams.source import LABELS, TRANSACTIONS, Publisher

Due = tuple[datetime, str, str]


class Command(BaseCommand):
    help = "Send simulated payments to the stream until stopped, or write them to a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rate", type=float, help="payments a second; default: the cards' natural pace")
        parser.add_argument("--speed", type=float, default=1.0, help="how much faster than the clock time passes")
        parser.add_argument("--days", type=float, help="stop after this many simulated days")
        parser.add_argument("--start", help="RFC 3339 time of the first payment; default: now, or days ago for a file")
        parser.add_argument("--file", type=Path, help="write JSON lines (.gz, .zst compress) instead of sending")
        parser.add_argument("--with-labels", action="store_true", help="add fraud and fraud_known_at to a file's lines")
        parser.add_argument("--truth", type=Path, help="also write a CSV of all frauds with their scenario")
        parser.add_argument("--seed", type=int, default=7)
        parser.add_argument("--cards", type=int, default=11_000)
        parser.add_argument("--merchants", type=int, default=2_200)
        parser.add_argument("--payments-per-day", type=float, default=0.8, help="of a card, on average")
        parser.add_argument("--fraud-rate", type=float, default=0.005)
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["file"] is not None and options["days"] is None:
            raise CommandError("A file needs an end: add --days.", returncode=2)
        try:
            world = World(
                seed=options["seed"],
                cards=options["cards"],
                merchants=options["merchants"],
                payments_per_day=options["payments_per_day"],
            )
            start = _start(options)
            events = payments(
                world,
                start,
                days=options["days"],
                rate=options["rate"],
                fraud_rate=options["fraud_rate"],
            )
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from error
        count = self._write(events, options) if options["file"] else self._send(events, _Clock(start, options["speed"]))
        self.stdout.write(json.dumps({"payments": count}) if options["json"] else f"{count} payments")

    def _write(self, events: Iterator[SimulatedPayment], options: dict[str, Any]) -> int:
        if options["with_labels"]:
            events = map(_labelled, events)
        try:
            return write_payments(events, options["file"], truth=options["truth"])
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be written: {error.strerror}", returncode=2) from error

    def _send(self, events: Iterator[SimulatedPayment], clock: "_Clock") -> int:
        publisher = connect_publisher()
        count = 0
        try:
            for payment in paced(events, now=clock.now, sleep=clock.sleep):
                publisher.publish(TRANSACTIONS, [(str(payment.record["card_id"]), encode(payment.record))])
                clock.chargebacks(payment, publisher)
                count += 1
        except KeyboardInterrupt:
            self.stderr.write("stopped")
        finally:
            publisher.close()
        return count


class _Clock:
    """Simulated time, and the chargebacks that fall due as it passes."""

    def __init__(self, start: datetime, speed: float) -> None:
        if speed <= 0:
            raise CommandError("--speed must be above 0", returncode=2)
        self._start, self._speed, self._began = start, speed, datetime.now(UTC)
        self._due: list[Due] = []

    def now(self) -> datetime:
        return self._start + (datetime.now(UTC) - self._began) * self._speed

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self._speed)

    def chargebacks(self, payment: SimulatedPayment, publisher: Publisher) -> None:
        """Remember this payment's chargeback, and send those whose time has come."""
        if payment.label_known_at is not None:
            name = str(payment.record["transaction_id"])
            heapq.heappush(self._due, (payment.label_known_at, name, payment.label_source))
        while self._due and self._due[0][0] <= payment.occurred_at:
            known_at, name, source = heapq.heappop(self._due)
            label = {"transaction_id": name, "label": "fraud", "source": source, "known_at": known_at.isoformat()}
            publisher.publish(LABELS, [(name, json.dumps(label).encode())])


def _labelled(payment: SimulatedPayment) -> SimulatedPayment:
    """With two columns more: 1 and when the fraud became known; nothing for what nobody has reported yet."""
    if payment.label_known_at is None or payment.label_known_at > datetime.now(UTC):
        return payment
    columns: dict[str, str | float] = {"fraud": 1, "fraud_known_at": payment.label_known_at.isoformat()}
    return replace(payment, record={**payment.record, **columns})


def _start(options: dict[str, Any]) -> datetime:
    if options["start"] is None:
        # A file is history up to now.
        return datetime.now(UTC) - timedelta(days=options["days"] if options["file"] else 0)
    try:
        start = datetime.fromisoformat(options["start"])
    except ValueError as error:
        raise CommandError(f"--start is no RFC 3339 time: {options['start']}", returncode=2) from error
    if start.tzinfo is None:
        raise CommandError("--start needs an offset, such as 2026-01-31T00:00:00+00:00", returncode=2)
    return start
