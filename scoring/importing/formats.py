"""Rows of a file, one after the other, whatever its format and compression; never the whole file in memory."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, cast

import msgspec
import polars as pl
import zstandard

from scoring.importing.zstd import ZstdReader

# What polars hands out at a time; with row groups far larger than this it still reads one group as a whole.
PARQUET_ROWS = 20_000
# JSON objects leave out what they do not have: the columns are those of the first few.
JSON_ROWS_SEEN = 1_000
LONGEST_CELL = 1_000_000
BUFFER_BYTES = 1 << 17
_KINDS = {".csv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json", ".parquet": "parquet"}
_READ_FAULTS = (
    OSError, EOFError, zlib.error, zstandard.ZstdError, csv.Error, UnicodeError, pl.exceptions.PolarsError,
)  # fmt: skip

Row = dict[str, Any]


class UnreadableFileError(Exception):
    """The file cannot be read, or not to its end; the message says how far it was read."""


@dataclass(frozen=True)
class Unreadable:
    """A row that could not be taken apart."""

    text: str
    reason: str


def columns_of(path: Path) -> list[str]:
    """Names of the columns; for JSON lines those that occur in the first rows.

    Raises:
        UnreadableFileError: with the reason.
    """
    with _faults_named(path, [0]):
        if _kind(path) == "parquet":
            return list(pl.read_parquet_schema(path))
        with _opened(path) as raw:
            if _kind(path) == "csv":
                with _csv_reader(raw) as reader:
                    return _header(reader, path)
            rows = (_json_row(line) for line in islice(raw, JSON_ROWS_SEEN))
            return list(dict.fromkeys(chain.from_iterable(row for row in rows if isinstance(row, dict))))


def has_fixed_columns(path: Path) -> bool:
    """False where each row names what it has."""
    return _kind(path) != "json"


def read_rows(path: Path, columns: Iterable[str]) -> Generator[tuple[int, Row | Unreadable], None, None]:
    """Each row with its number, from 1. Of Parquet only `columns` are read.

    Raises:
        UnreadableFileError: the rows before it were handed out.
    """
    reached = [0]
    with _faults_named(path, reached), closing(_rows(path, list(columns))) as rows:
        for row in rows:
            reached[0] += 1
            yield reached[0], row


def _rows(path: Path, columns: list[str]) -> Generator[Row | Unreadable, None, None]:
    if _kind(path) == "parquet":
        yield from _parquet_rows(path, columns)
        return
    with _opened(path) as raw:
        if _kind(path) == "csv":
            with _csv_reader(raw) as reader:
                yield from _csv_rows(reader, path)
        else:
            yield from (_json_row(line) for line in raw if not line.isspace())


@contextmanager
def _faults_named(path: Path, reached: list[int]) -> Iterator[None]:
    try:
        yield
    except _READ_FAULTS as error:
        after = f" after row {reached[0]:,}" if reached[0] else ""
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        raise UnreadableFileError(f"{path} cannot be read{after}: {reason}.") from error


def _kind(path: Path) -> str:
    suffix = path.with_suffix("").suffix if path.suffix.lower() in (".gz", ".zst") else path.suffix
    kind = _KINDS.get(suffix.lower())
    if kind is None or (kind == "parquet" and suffix != path.suffix):
        raise UnreadableFileError(
            f"{path} is of no known format: .csv, .jsonl, .ndjson, .json (one object a line), each also .gz or .zst, "
            "or .parquet."
        )
    return kind


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as raw:
        if path.suffix.lower() == ".gz":
            with gzip.open(raw) as unzipped:
                yield cast(IO[bytes], unzipped)
        elif path.suffix.lower() == ".zst":
            with io.BufferedReader(ZstdReader(raw), BUFFER_BYTES) as unpacked:
                yield unpacked
        else:
            yield raw


CsvReader = Iterator[list[str]]


@contextmanager
def _csv_reader(raw: IO[bytes]) -> Iterator[CsvReader]:
    csv.field_size_limit(LONGEST_CELL)
    # Bytes that are not UTF-8 become lone surrogates, which the row is refused for; the file goes on.
    with io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        first = text.readline()
        delimiter = max(",;\t|", key=first.count)
        yield csv.reader(chain([first], text), delimiter=delimiter, strict=True)


def _header(reader: CsvReader, path: Path) -> list[str]:
    header = [name.strip() for name in next(reader, [])]
    if len(set(header)) < len(header):
        raise UnreadableFileError(f"{path} has two columns of one name.")
    return header


def _csv_rows(reader: CsvReader, path: Path) -> Iterator[Row | Unreadable]:
    header = _header(reader, path)
    for cells in reader:
        if len(cells) == len(header):
            yield dict(zip(header, cells, strict=True))
        elif cells:
            yield Unreadable(",".join(cells), f"has {len(cells)} cells where the header has {len(header)}")


# Numbers with a point become Decimal by their digits, never by way of a float.
_json_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


def _json_row(line: bytes) -> Row | Unreadable:
    try:
        row = _json_decoder.decode(line)
        if line.count(b'":') + line.count(b'" :') > len(row):
            json.loads(line, object_pairs_hook=_unique)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        return Unreadable(line.decode(errors="replace").rstrip(), str(error))
    return row


def _unique(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError("has a name twice")
    return row


def _parquet_rows(path: Path, columns: list[str]) -> Iterator[Row]:
    schema = pl.read_parquet_schema(path)
    # A float32 widened to float64 shows digits it never had; by way of its text it does not.
    short = [pl.col(name).cast(pl.String).cast(pl.Float64) for name in columns if schema[name] == pl.Float32]
    frames = pl.scan_parquet(path).select(columns).with_columns(short)
    for frame in frames.collect_batches(chunk_size=PARQUET_ROWS, maintain_order=True):
        yield from frame.iter_rows(named=True)
