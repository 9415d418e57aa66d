"""A row of a file as a payment and what is said about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scoring.card_numbers import quotable
from scoring.importing.formats import Row
from scoring.importing.mapping import FileMapping, LabelMapping
from scoring.importing.values import CONVERTERS, Convert, is_missing, label_key, time_converter, to_plain, to_text
from scoring.transaction import InvalidTransactionError, Transaction, from_fields

# Of the ledger's column.
LONGEST_REASON = 64


@dataclass(frozen=True)
class Statement:
    """What the file says a payment was, and since when that is known."""

    label: str
    known_at: datetime
    asserted_at: datetime | None = None
    reason: str = ""


class RowReader:
    """Turns rows into payments by a mapping."""

    def __init__(self, mapping: FileMapping, *, read_at: datetime) -> None:
        self._read_at = read_at
        self._constants = {field: CONVERTERS[field](value) for field, value in mapping.constants.items()}
        self._steps = [(field, column, _converter(field, mapping)) for field, column in mapping.columns.items()]
        self._extra = mapping.extra.columns if mapping.extra else []
        self._label = mapping.label
        self._meanings = mapping.label.meanings if mapping.label else {}
        self._known_at = time_converter(mapping.time.known_at or mapping.time.occurred_at, mapping.time.zone)

    def read(self, row: Row) -> tuple[Transaction, Statement | None]:
        """Raises:
        InvalidTransactionError: with each field that is wrong.
        """
        errors: list[dict[str, str]] = []
        fields = dict(self._constants)
        for field, column, convert in self._steps:
            value = row.get(column)
            if is_missing(value):
                continue
            try:
                fields[field] = convert(value)
            except (ValueError, ArithmeticError, RecursionError) as error:
                errors.append({"field": field, "message": quotable(str(error))})
        if errors:
            raise InvalidTransactionError(errors)
        if self._extra and (extra := self._extra_of(row)):
            fields["extra"] = extra
        transaction = from_fields(fields, received_at=self._read_at)
        said = self._statement(self._label, row, transaction.occurred_at) if self._label is not None else None
        return transaction, said

    def _extra_of(self, row: Row) -> dict[str, Any]:
        plain = {column: to_plain(row.get(column)) for column in self._extra}
        return {column: value for column, value in plain.items() if not is_missing(value)}

    def _statement(self, mapping: LabelMapping, row: Row, occurred_at: datetime) -> Statement | None:
        value = row.get(mapping.column)
        if is_missing(value):
            return None
        try:
            label = self._meanings.get(label_key(value))
            if label is None and mapping.legitimate:
                raise ValueError(f"column {mapping.column!r} says neither fraud nor legitimate")
            known_at = None if label is None else self._known_when(mapping, row, label, occurred_at)
            if label is None or known_at is None:
                return None
            return Statement(label, known_at, self._said_when(mapping, row, known_at), _reason(mapping, row))
        except (ValueError, ArithmeticError) as error:
            raise InvalidTransactionError([{"field": "label", "message": quotable(str(error))}]) from error

    def _said_when(self, mapping: LabelMapping, row: Row, known_at: datetime) -> datetime | None:
        """When the source said it, at the latest when it was known; None where the file does not tell."""
        value = row.get(mapping.asserted_at_column) if mapping.asserted_at_column else None
        if is_missing(value):
            return None
        asserted_at: datetime = self._known_at(value)
        return min(asserted_at, known_at)

    def _known_when(self, mapping: LabelMapping, row: Row, label: str, occurred_at: datetime) -> datetime | None:
        """When a label became known; None where nobody ever said that a payment was legitimate."""
        if mapping.known_at_column is None:
            return occurred_at + mapping.delay
        value = row.get(mapping.known_at_column)
        if not is_missing(value):
            # A date without a time may lie before a payment of its day; known before it happened it was not.
            known_at: datetime = self._known_at(value)
            return max(known_at, occurred_at)
        if label == "fraud":
            raise ValueError(f"column {mapping.known_at_column!r} does not say since when the fraud is known")
        return None


def _reason(mapping: LabelMapping, row: Row) -> str:
    value = row.get(mapping.reason_column) if mapping.reason_column else None
    reason = "" if is_missing(value) else to_text(value)
    if len(reason) > LONGEST_REASON:
        raise ValueError(f"column {mapping.reason_column!r} has a reason longer than {LONGEST_REASON} characters")
    return reason


def _converter(field: str, mapping: FileMapping) -> Convert:
    if field == "occurred_at":
        return time_converter(mapping.time.occurred_at, mapping.time.zone)
    prefix = mapping.prefix.get(field)
    if prefix is None:
        return CONVERTERS[field]
    return lambda value: prefix + to_text(value)
