"""The public data set, where it stands beside the project, as columns for the offline engine (docs/performance.md)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from scoring.features.offline import LABELS, PAYMENTS, replay
from scoring.ml.datasets import Dataset

HANDBOOK = Path(__file__).parents[3] / "shared" / "data" / "handbook.parquet"
LABEL_DELAY = timedelta(days=7)


def read_handbook(since: datetime, until: datetime) -> pl.DataFrame:
    """Payments as `PAYMENTS` has them, and `is_fraud`; those of amount 0 are none."""
    paid_at = pl.col("TX_DATETIME").dt.replace_time_zone("UTC").cast(PAYMENTS["occurred_at"])
    rows = (
        pl.scan_parquet(HANDBOOK)
        .filter((paid_at >= since) & (paid_at < until) & (pl.col("TX_AMOUNT") > 0))
        .sort("TX_DATETIME", "TRANSACTION_ID")
        .select(
            occurred_at=paid_at,
            amount=pl.col("TX_AMOUNT").cast(pl.Float64),
            card_id=pl.col("CUSTOMER_ID").cast(pl.String),
            merchant_id=pl.col("TERMINAL_ID").cast(pl.String),
            is_fraud=pl.col("TX_FRAUD") == 1,
        )
        .collect()
    )
    return with_all_columns(rows)


def with_all_columns(rows: pl.DataFrame) -> pl.DataFrame:
    """Columns of `PAYMENTS` that the rows lack, as nulls, and `is_fraud`."""
    lacking = [pl.lit(None, kind).alias(name) for name, kind in PAYMENTS.items() if name not in rows.columns]
    return rows.with_columns(lacking).select(*PAYMENTS, "is_fraud")


def labels_of(rows: pl.DataFrame, delay: timedelta = LABEL_DELAY) -> pl.DataFrame:
    """Frauds as `LABELS`, each known `delay` after its payment, applied before the next payment."""
    frauds = rows.filter("is_fraud").with_columns(known_at=pl.col("occurred_at") + delay)
    after = rows["occurred_at"].search_sorted(frauds["known_at"], "left")
    return frauds.with_columns(after=pl.Series(after, dtype=pl.Int64)).select(*LABELS)


def dataset_of(rows: pl.DataFrame) -> Dataset:
    """The rows with their vectors and what is known of them today."""
    _, cards = np.unique(rows["card_id"].to_numpy(), return_inverse=True)
    return Dataset(
        vectors=replay(rows.select(*PAYMENTS), labels_of(rows)).vectors,
        labels=rows["is_fraud"].to_numpy().astype(np.int8),
        occurred_at=rows["occurred_at"].dt.timestamp("us").to_numpy() / 1e6,
        cards=cards.astype(np.int64),
        amounts=rows["amount"].to_numpy(),
        currencies=np.full(len(rows), "EUR"),
    )


def midnight(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)
