"""Days of recorded payments, counted into the bins of a model's reference and kept."""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import psycopg
from django.db import connection

from scoring.features.definitions import NAMES, VERSION
from scoring.ml.drift_days import DayCounts, DaySample, count_day
from scoring.ml.model import Model
from scoring.ml.reference import Reference
from scoring.models import DriftDay, ModelVersion

DAY = timedelta(days=1)
# A day is counted once, when what belongs to it has been decided.
SETTLED_AFTER = timedelta(hours=1)
# Cards are told apart by so many hashes.
_HASHES = 1 << 20
_COUNT = """
SELECT count(*), count(*) FILTER (WHERE outcome <> 'approve') FROM scoring_decision
WHERE occurred_at >= %(since)s AND occurred_at < %(until)s
"""
# All payments of the cards whose hash is low: the same cards each day, so that days can be compared. One busy card may
# not fill the memory: there is a most. `& n` keeps the lower bits of a negative number, too.
_SAMPLE = """
SELECT features, CASE WHEN model_version = %(model)s THEN anomaly_score END,
  record ->> 'channel', record ->> 'merchant_country', currency
FROM scoring_decision
WHERE occurred_at >= %(since)s AND occurred_at < %(until)s AND feature_version = %(version)s
  AND NOT degraded @> ARRAY['features']::varchar[]
  AND (hashtextextended(card_id, 0) & %(hashes)s) < %(below)s
LIMIT %(most)s
"""
_VECTOR_BYTES = 4 * len(NAMES)

Row = tuple[bytes, float | None, str | None, str | None, str]


def last_midnight(at: datetime) -> datetime:
    """The end of the newest day (UTC) that is over and settled."""
    settled = at.astimezone(UTC) - SETTLED_AFTER
    return settled.replace(hour=0, minute=0, second=0, microsecond=0)


def days_between(since: datetime, until: datetime) -> list[date]:
    """Whole days (UTC) that lie between."""
    first = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first += DAY * (first < since)
    return [(first + number * DAY).date() for number in range(max(0, (until - first) // DAY))]


def counted_days(
    model: ModelVersion, loaded: Model, reference: Reference, days: Collection[date], *, rows_a_day: int
) -> dict[date, DayCounts]:
    """Days as they are kept; those that are not yet are counted first, each in a transaction of its own. Idempotent.

    Scores are the model's own of every payment, whoever decided it: so they can be compared from its first day on.
    Anomaly scores are those it decided with. Memory: the rows of one day's sample. What arrives for a day after it was
    counted is left out.
    """
    kept = dict(DriftDay.objects.filter(model=model, day__in=days).values_list("day", "id"))
    for day in sorted(set(days) - kept.keys()):
        _keep(model, day, _counted(loaded, reference, day, rows_a_day))
    rows = DriftDay.objects.filter(model=model, day__in=days)
    return {row.day: _read(row) for row in rows}


def forget_days(model: ModelVersion) -> int:
    """Have all days of a model counted anew when they are next asked for; how many there were."""
    return DriftDay.objects.filter(model=model).delete()[0]


def _keep(model: ModelVersion, day: date, counts: DayCounts) -> None:
    """Twice is once: another process may have counted the day meanwhile."""
    values = {"payments": counts.payments, "flagged": counts.flagged, "rows": counts.rows, "figures": counts.to_json()}
    DriftDay.objects.get_or_create(model=model, day=day, defaults=values)


def _read(row: DriftDay) -> DayCounts:
    return DayCounts(row.payments, row.flagged, row.rows, **row.figures)


def _counted(model: Model, reference: Reference, day: date, rows_a_day: int) -> DayCounts:
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    times = {"since": since, "until": since + DAY}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, times)
        payments, flagged = cursor.fetchone()
    share = min(1.0, rows_a_day / payments) if payments else 0.0
    limits = {"hashes": _HASHES - 1, "below": int(share * _HASHES), "most": 2 * rows_a_day}
    rows = _rows(times | limits | {"model": model.version, "version": VERSION}) if payments else []
    sample = _sample([row for row in rows if len(row[0]) == _VECTOR_BYTES], model)
    return count_day(reference, sample, payments=payments, flagged=flagged)


def _rows(parameters: dict[str, object]) -> list[Row]:
    connection.ensure_connection()
    # Django's own cursors take text only, which is twice as long for a vector.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_SAMPLE, parameters, binary=True)
        return cursor.fetchall()


def _sample(rows: Sequence[Row], model: Model) -> DaySample:
    joined, anomalies, channels, countries, currencies = zip(*rows, strict=True) if rows else ((),) * 5
    vectors = np.frombuffer(b"".join(joined), np.float32).reshape(len(rows), len(NAMES))
    return DaySample(
        vectors=vectors,
        scores=model.score(vectors),
        anomaly_scores=np.array(anomalies, np.float64),  # None becomes NaN
        kinds={
            "channel": [channel or "" for channel in channels],
            "merchant_country": [country or "" for country in countries],
            "currency": list(currencies),
        },
    )
