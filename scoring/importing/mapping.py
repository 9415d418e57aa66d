"""The mapping file: which of their columns are which of our fields, and how their times and labels read."""

import difflib
import tomllib
from collections.abc import Iterable
from collections.abc import Mapping as Table
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from scoring.importing.values import CONVERTERS, ISO, TIME_FORMATS, label_key
from scoring.transaction import InvalidTransactionError, Transaction, from_fields

FIELDS = Transaction.__struct_fields__
REQUIRED = ("transaction_id", "occurred_at", "amount", "currency", "card_id", "merchant_id")
PREFIXED = ("transaction_id", "card_id", "merchant_id", "customer_id", "device_id")
LONGEST_DELAY_DAYS = 3650


class MappingError(Exception):
    """The mapping is wrong, or does not fit the file; the message is one sentence. Nothing was written."""


class LabelMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the truth stands, and when it became known: so many days after the payment, or as a column says."""

    column: str
    fraud: list[str | int | float | bool]
    source: Literal["chargeback", "issuer_report", "customer", "analyst"]
    # Empty: any other value says nothing.
    legitimate: list[str | int | float | bool] = []
    delay_days: float | None = None
    known_at_column: str | None = None
    # When it was said, and the source's code for it; both may be left out.
    asserted_at_column: str | None = None
    reason_column: str | None = None

    @property
    def columns(self) -> list[str]:
        optional = (self.known_at_column, self.asserted_at_column, self.reason_column)
        return [self.column, *(column for column in optional if column)]

    @property
    def delay(self) -> timedelta:
        return timedelta(days=self.delay_days or 0)

    @property
    def meanings(self) -> dict[str, str]:
        """Value as `label_key` writes it -> label."""
        legitimate = {label_key(value): "legitimate" for value in self.legitimate}
        return legitimate | {label_key(value): "fraud" for value in self.fraud}


class TimeMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How times are written: iso, epoch_seconds, epoch_milliseconds or a strptime pattern."""

    occurred_at: str = ISO
    # Of the label's column; empty: as occurred_at.
    known_at: str = ""
    # Of times without an offset.
    timezone: str = ""

    @property
    def zone(self) -> tzinfo | None:
        if self.timezone in ("", "UTC"):
            # Known also where no time zone database is installed.
            return UTC if self.timezone else None
        return ZoneInfo(self.timezone)


class ExtraMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Columns that are kept with the payment."""

    columns: list[str]


class FileMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping file, checked."""

    columns: dict[str, str]
    constants: dict[str, str | int | float] = {}
    prefix: dict[str, str] = {}
    time: TimeMapping = TimeMapping()
    label: LabelMapping | None = None
    extra: ExtraMapping | None = None

    @property
    def wanted_columns(self) -> list[str]:
        """Columns of the file that are read, each once."""
        names = [*self.columns.values(), *(self.extra.columns if self.extra else ())]
        if self.label is not None:
            names += self.label.columns
        return list(dict.fromkeys(names))


def load_mapping(path: Path) -> FileMapping:
    """Read and check a mapping file.

    Raises:
        MappingError: with what is wrong, and the name that was probably meant.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        _refuse_unknown_names(raw)
        mapping = msgspec.convert(raw, FileMapping)
    except OSError as error:
        raise MappingError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise MappingError(f"{path} is not UTF-8 text.") from error
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{path} is not valid TOML: {error}.") from error
    except msgspec.ValidationError as error:
        raise MappingError(f"{path}: {_in_words(str(error))}.") from error
    except MappingError as error:
        raise MappingError(f"{path}: {error}") from error
    for fault in (*_field_faults(mapping), *_time_faults(mapping.time), *_label_faults(mapping.label)):
        raise MappingError(f"{path}: {fault}")
    return mapping


def check_columns(mapping: FileMapping, found: list[str], *, is_complete: bool) -> None:
    """Compare with a file's columns; where they may be more than found only the required fields' are looked for.

    Raises:
        MappingError: naming a column that is not there, and the nearest that is.
    """
    required = [mapping.columns[field] for field in REQUIRED if field in mapping.columns]
    for column in mapping.wanted_columns if is_complete else required:
        if column not in found:
            raise MappingError(f"The file has no column {column!r}{_hint(column, found)}")


def _hint(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name.lower(), [other.lower() for other in names], n=1, cutoff=0.5)
    if near:
        return f"; did you mean {next(other for other in names if other.lower() == near[0])!r}?"
    return f"; there are: {', '.join(names[:40])}."


def _refuse_unknown_names(raw: dict[str, Any]) -> None:
    _refuse("section", raw, FileMapping.__struct_fields__)
    for section in ("columns", "constants"):
        _refuse(f"field in [{section}]", raw.get(section), FIELDS)
    _refuse("field in [prefix]", raw.get("prefix"), PREFIXED)
    for section, kind in (("time", TimeMapping), ("label", LabelMapping), ("extra", ExtraMapping)):
        _refuse(f"setting in [{section}]", raw.get(section), kind.__struct_fields__)


def _refuse(what: str, names: object, known: tuple[str, ...]) -> None:
    for name in names if isinstance(names, dict) else ():
        if name not in known:
            raise MappingError(f"unknown {what}: {name!r}{_hint(name, known)}")


def _in_words(message: str) -> str:
    """A decoder's message with the place it speaks of in front."""
    said, _, place = message.partition(" - at ")
    where = place.strip("`").removeprefix("$").strip(".")
    return (
        f"{where}: {said}"
        if where
        else said.replace("Object missing required field `columns`", "there is no [columns]")
    )


def _field_faults(mapping: FileMapping) -> Iterable[str]:
    given = {*mapping.columns, *mapping.constants}
    yield from (f"{field!r} is required, in [columns] or [constants]." for field in REQUIRED if field not in given)
    for field in mapping.constants:
        if field in mapping.columns:
            yield f"{field!r} is in [columns] and in [constants]."
        if field in ("occurred_at", "transaction_id", "extra"):
            yield f"{field!r} cannot be the same for all payments."
    for field in mapping.prefix:
        if field not in mapping.columns:
            yield f"{field!r} is in [prefix] but not in [columns]."
    if mapping.extra is not None and "extra" in mapping.columns:
        yield "'extra' is a column of its own and in [extra]."
    yield from _constant_faults(mapping.constants)


def _constant_faults(constants: Table[str, str | int | float]) -> Iterable[str]:
    """What a payment with these constants would be refused for."""
    sample: dict[str, Any] = dict.fromkeys(REQUIRED, "1") | {"currency": "EUR", "occurred_at": datetime.now(UTC)}
    try:
        for field, value in constants.items():
            one = {field: CONVERTERS[field](value)}
            # Each by itself: the other half of a place may be a column.
            place = {"latitude": 0.0, "longitude": 0.0} if field in ("latitude", "longitude") else {}
            from_fields(sample | place | one, received_at=datetime.now(UTC))
    except (InvalidTransactionError, ValueError) as error:
        yield f"[constants] {error}."


def _time_faults(time: TimeMapping) -> Iterable[str]:
    for field, pattern in (("occurred_at", time.occurred_at), ("known_at", time.known_at)):
        if pattern and pattern not in TIME_FORMATS and "%" not in pattern:
            yield f"[time] {field} = {pattern!r} is none of {', '.join(TIME_FORMATS)}, nor a pattern like %Y-%m-%d."
    try:
        _ = time.zone
    except (KeyError, ValueError, OSError):
        yield f"[time] timezone = {time.timezone!r} is no time zone; write UTC or a name like Europe/Paris."


def _label_faults(label: LabelMapping | None) -> Iterable[str]:
    if label is None:
        return
    if (label.delay_days is None) == (label.known_at_column is None):
        yield "[label] needs delay_days or known_at_column, and not both."
    if not 0 <= (label.delay_days or 0) <= LONGEST_DELAY_DAYS:
        yield f"[label] delay_days must be from 0 to {LONGEST_DELAY_DAYS}."
    if not label.fraud:
        yield "[label] fraud names no value."
    both = {label_key(value) for value in label.fraud} & {label_key(value) for value in label.legitimate}
    if both:
        yield f"[label] {both.pop()!r} stands for fraud and for legitimate."
