"""Payments as files: CSV that no spreadsheet takes for formulas, and Parquet. Pure."""

import csv
from collections.abc import Iterable, Mapping
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any

import polars as pl

from scoring.spreadsheets import safe_text

_SCHEMA = pl.Schema(
    {
        "transaction_id": pl.String(),
        "occurred_at": pl.Datetime("us", "UTC"),
        "amount": pl.Decimal(20, 4),
        "currency": pl.String(),
        "card_id": pl.String(),
        "customer_id": pl.String(),
        "merchant_id": pl.String(),
        "merchant_name": pl.String(),
        "merchant_category": pl.String(),
        "device_id": pl.String(),
        "ip_address": pl.String(),
        "outcome": pl.String(),
        "score": pl.Float64(),
        "label": pl.String(),
        "label_source": pl.String(),
        "case_id": pl.String(),
        "case_status": pl.String(),
        "case_verdict": pl.String(),
    }
)


def csv_header() -> str:
    return _lines([list(_SCHEMA)])


def csv_lines(payments: Iterable[Mapping[str, Any]]) -> str:
    """Lines of payments (by column name); every text cell is safe, times are ISO 8601 in UTC."""
    return _lines([_cell(payment[name]) for name in _SCHEMA] for payment in payments)


def parquet(payments: Iterable[Mapping[str, Any]]) -> bytes:
    """A Parquet file of payments; values as they are, empty where there is none."""
    rows = [[_plain(payment[name]) for name in _SCHEMA] for payment in payments]
    buffer = BytesIO()
    pl.DataFrame(rows, schema=_SCHEMA, orient="row").write_parquet(buffer)
    return buffer.getvalue()


def _lines(rows: Iterable[list[Any]]) -> str:
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    value = value.isoformat() if hasattr(value, "isoformat") else value
    return safe_text(value) if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    is_kept = value is None or isinstance(value, Decimal | float) or hasattr(value, "isoformat")
    return value if is_kept else str(value) or None
