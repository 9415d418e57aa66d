"""Where simulated payments go: JSON lines in wire format, plain or compressed, with the labels beside."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, cast

import zstandard

from streams.simulator.records import Record, SimulatedPayment

LABEL_COLUMNS = ("transaction_id", "label", "source", "known_at")
TRUTH_COLUMNS = ("transaction_id", "scenario", "episode")


def encode(record: Record) -> bytes:
    """Return the record as the bytes of one message, without a line end."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def write_payments(
    payments: Iterable[SimulatedPayment],
    path: Path,
    *,
    labels: Path | None = None,
    labels_known_by: datetime | None = None,
    truth: Path | None = None,
) -> int:
    """Write payments to `path` (.gz and .zst compress) and return how many.

    `labels` gets a CSV of the frauds somebody reports, only those known by `labels_known_by` if given;
    `truth` one of all frauds with their scenario. A file appears under its name only when complete, so what
    was interrupted can be run again.
    """
    count = 0
    with ExitStack() as stack:
        lines = stack.enter_context(_opened(path))
        label_rows = stack.enter_context(_table(labels, LABEL_COLUMNS))
        truth_rows = stack.enter_context(_table(truth, TRUTH_COLUMNS))
        for payment in payments:
            count += 1
            lines.write(encode(payment.record) + b"\n")
            known_at = payment.label_known_at
            if known_at is not None and (labels_known_by is None or known_at <= labels_known_by):
                label_rows.append(_label(payment, known_at))
            if payment.is_fraud:
                truth_rows.append((str(payment.record["transaction_id"]), payment.scenario, str(payment.episode)))
    return count


def _label(payment: SimulatedPayment, known_at: datetime) -> tuple[str, ...]:
    transaction_id = str(payment.record["transaction_id"])
    return transaction_id, "fraud", payment.label_source, known_at.isoformat(timespec="milliseconds")


@contextmanager
def _table(path: Path | None, columns: tuple[str, ...]) -> Iterator[list[tuple[str, ...]]]:
    """Collect rows, about one payment in a hundred, and write them as CSV at the end."""
    rows: list[tuple[str, ...]] = []
    yield rows
    if path is None:
        return
    with _opened(path) as raw, io.TextIOWrapper(raw, encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to write under a temporary name; it gets its own when all went well."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as raw, _compressed(raw, path.suffix) as stream:
        yield stream
    part.replace(path)


@contextmanager
def _compressed(raw: IO[bytes], suffix: str) -> Iterator[IO[bytes]]:
    if suffix == ".gz":
        # No name and no time inside: the same payments give the same bytes.
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as zipped:
            yield cast(IO[bytes], zipped)
    elif suffix == ".zst":
        with zstandard.ZstdCompressor(level=3).stream_writer(raw, closefd=False) as packed:
            yield packed
    else:
        yield raw
