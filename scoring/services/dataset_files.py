"""Data sets as files: recorded payments with their labels as Parquet, and a manifest that says how to make them again.

The same request on the same record writes the same bytes.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from django.conf import settings

from scoring.datasets import labels_of, microseconds
from scoring.features.definitions import NAMES, VERSION
from scoring.ml.datasets import FRAUD, UNKNOWN
from scoring.ml.model import libraries
from scoring.ml.splits import TRAIN, Part, class_weights, is_kept, parts_of
from scoring.recorded import Period, Row, chunks, count_rows
from scoring.services.new_folder import new_folder

# So many rows of 40 features are 20 MB; how rows lie in files must not hang on how they are read.
FILE_ROWS = 100_000
MANIFEST = "manifest.json"
# A payment has an amount, and the table a feature of that name.
FEATURE = "feature_"
_CODE = ("features/*.py", "ml/*.py", "datasets.py", "recorded.py", "queries_labels.py", "services/dataset_files.py")
_SCHEMA: dict[str, Any] = {
    "transaction_id": pl.String,
    "occurred_at": pl.Datetime("us", "UTC"),
    "card_id": pl.String,
    "amount": pl.Decimal(20, 4),
    "currency": pl.String,
    "label": pl.Int8,
    "label_source": pl.String,
    "label_known_at": pl.Datetime("us", "UTC"),
    "weight": pl.Float64,
    **{f"{FEATURE}{name}": pl.Float32 for name in NAMES},
}


@dataclass(frozen=True)
class DatasetRequest:
    """What is to be written; see `parts_of` for the times.

    legitimate_share: of the legitimate payments to train on, how many are kept, above 0 up to 1; each then weighs
    1 / legitimate_share. Validation and test are whole: what is measured there must be as it was.
    """

    start: datetime
    end: datetime
    labels_as_of: datetime
    maturity: timedelta
    validation: timedelta
    test: timedelta
    delay: timedelta
    legitimate_share: float = 1.0


@dataclass
class _Counts:
    """Rows of a split by label, the sums of their weights, and what was left out of it."""

    rows: Counter[str] = field(default_factory=Counter)
    weights: dict[str, float] = field(default_factory=lambda: {"fraud": 0.0, "legitimate": 0.0})
    left_out: Counter[str] = field(default_factory=Counter)
    files: list[dict[str, Any]] = field(default_factory=list)


def build_dataset(wanted: DatasetRequest, folder: Path, *, progress: Callable[[str], None]) -> dict[str, Any]:
    """Write a data set into a folder that does not exist yet, and return its manifest. Memory: one file's rows.

    Raises:
        SplitError: nothing is left to train on.
        FolderError: there is such a folder already, or it cannot be made. Nothing was changed.
    """
    parts = parts_of(wanted.start, wanted.end, validation=wanted.validation, test=wanted.test, delay=wanted.delay)
    with new_folder(folder) as place:
        counts = {part.name: _write_part(part, wanted, place, progress) for part in parts}
        manifest = _manifest(wanted, parts, counts)
        (place / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
    return manifest


def _write_part(part: Part, wanted: DatasetRequest, place: Path, progress: Callable[[str], None]) -> _Counts:
    counts = _Counts()
    progress(f"Reading {part.name}: payments from {part.start:%Y-%m-%d %H:%M} to {part.end:%Y-%m-%d %H:%M}")
    for number, frame in enumerate(_files(_frames(part, wanted, counts))):
        path = place / f"{part.name}-{number:05d}.parquet"
        frame.write_parquet(path, compression="zstd", statistics=True)
        counts.files.append({"name": path.name, "rows": len(frame), "sha256": _digest(path)})
        progress(f"Wrote {path.name}: {len(frame):,} payments")
    return counts


def _frames(part: Part, wanted: DatasetRequest, counts: _Counts) -> Iterator[pl.DataFrame]:
    legitimate_before = wanted.labels_as_of - wanted.maturity
    share = wanted.legitimate_share if part.name == TRAIN else 1.0
    for rows in chunks(Period(part.start, part.end, wanted.labels_as_of)):
        labels = labels_of(rows, legitimate_before)
        kept = (labels == FRAUD) | is_kept([row.transaction_id for row in rows], share)
        counts.left_out["label_not_known"] += int(np.sum(labels == UNKNOWN))
        counts.left_out["legitimate_not_sampled"] += int(np.sum((labels != UNKNOWN) & ~kept))
        kept &= labels != UNKNOWN
        labels = labels[kept]
        weights = np.where(labels == FRAUD, 1.0, 1.0 / share)
        for name, of_class in (("fraud", labels == FRAUD), ("legitimate", labels != FRAUD)):
            counts.rows[name] += int(of_class.sum())
            counts.weights[name] += float(weights[of_class].sum())
        yield _frame([row for row, is_in in zip(rows, kept, strict=True) if is_in], labels, weights)


def _frame(rows: Sequence[Row], labels: Any, weights: Any) -> pl.DataFrame:
    vectors = np.frombuffer(b"".join([row.features for row in rows]), np.float32).reshape(len(rows), len(NAMES))
    columns = {
        "transaction_id": [row.transaction_id for row in rows],
        "occurred_at": pl.Series([row.occurred_at for row in rows], dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
        "card_id": [row.card_id for row in rows],
        "amount": pl.Series([row.amount for row in rows], dtype=pl.String).cast(pl.Decimal(20, 4)),
        "currency": [row.currency for row in rows],
        "label": labels,
        "label_source": [row.label_source for row in rows],
        "label_known_at": pl.Series(
            [None if row.label_known_at is None else microseconds(row.label_known_at) for row in rows], dtype=pl.Int64
        ).cast(pl.Datetime("us", "UTC")),
        "weight": weights,
        **{f"{FEATURE}{name}": np.ascontiguousarray(vectors[:, place]) for place, name in enumerate(NAMES)},
    }
    return pl.DataFrame(columns, schema=_SCHEMA)


def _files(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows, FILE_ROWS at a time."""
    waiting = pl.DataFrame(schema=_SCHEMA)
    for frame in frames:
        waiting = waiting.vstack(frame)
        while len(waiting) >= FILE_ROWS:
            yield waiting[:FILE_ROWS].rechunk()
            waiting = waiting[FILE_ROWS:]
    if len(waiting):
        yield waiting.rechunk()


def _manifest(wanted: DatasetRequest, parts: Sequence[Part], counts: dict[str, _Counts]) -> dict[str, Any]:
    """No clock, no host, no path: the same request on the same record gives the same text."""
    counted = count_rows(Period(wanted.start, wanted.end, wanted.labels_as_of))
    written = sum(sum(one.rows.values()) + sum(one.left_out.values()) for one in counts.values())
    return {
        "query": {
            "from": _text(wanted.start),
            "to": _text(wanted.end),
            "labels_as_of": _text(wanted.labels_as_of),
            "maturity_days": wanted.maturity / timedelta(days=1),
            "settle_days": dict(settings.LABEL_SETTLE_DAYS),
            "validation_days": wanted.validation / timedelta(days=1),
            "test_days": wanted.test / timedelta(days=1),
            "delay_days": wanted.delay / timedelta(days=1),
            "legitimate_share": wanted.legitimate_share,
        },
        "versions": {
            "features": VERSION,
            "libraries": libraries() | {"polars": pl.__version__},
            "code_sha256": _code_digest(),
        },
        "columns": list(_SCHEMA),
        "splits": {part.name: _split(part, counts[part.name]) for part in parts},
        "left_out": {
            "in_gaps": counted.readable - written,
            "made_without_store": counted.made_without_store,
            "other_features": counted.other_features,
            "broken_vectors": counted.broken_vectors,
        },
    }


def _split(part: Part, counts: _Counts) -> dict[str, Any]:
    return {
        "from": _text(part.start),
        "to": _text(part.end),
        "rows": {name: counts.rows[name] for name in ("fraud", "legitimate")},
        "weights": {name: counts.weights[name] for name in ("fraud", "legitimate")},
        "balancing_class_weights": class_weights(counts.weights["legitimate"], counts.weights["fraud"]),
        "left_out": dict(counts.left_out),
        "files": counts.files,
    }


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _code_digest() -> str:
    """SHA-256 over the sources that decide what is written: a version that needs no tag to be right."""
    here = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(path for name in _CODE for path in here.glob(name)):
        digest.update(path.relative_to(here).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
