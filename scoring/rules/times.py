"""Times in rules: how they are written, and their hour, day and the like in a time zone."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import numpy as np

from scoring.rules.columns import Columns, Floats, moment
from scoring.rules.errors import Place, RuleError, nearest, quoted

_WRITTEN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"(?P<offset>Z|[+-][0-9]{2}(:?[0-9]{2})?)?"
)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1e6
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND
# Zones change their offset seldom, and nearly always at such a border.
_QUARTER = 15 * MINUTE


def time_in(text: str) -> float:
    """Microseconds since 1970 of a time with its offset, as ISO 8601 writes it; NaN for any other text."""
    match = _WRITTEN.fullmatch(text)
    if match is None or not match["offset"]:
        return np.nan
    try:
        return moment(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return np.nan


def time_written(text: str, place: Place) -> float:
    """The same of a time in a rule.

    Raises:
        RuleError: it is none.
    """
    match = _WRITTEN.fullmatch(text)
    if match and not match["offset"]:
        raise RuleError(f"The time {quoted(text)} needs its offset: `{text}Z` in UTC, or `{text}+01:00`.", place)
    found = time_in(text)
    if np.isnan(found):
        raise RuleError(f"{quoted(text)} is not a time; write it like '2026-11-01T00:00:00Z'.", place)
    return found


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    # What this machine calls its own is another zone on the next.
    return frozenset(available_timezones() - {"localtime"})


def zone_named(name: str, place: Place) -> ZoneInfo:
    """A time zone by its name, 'Europe/Paris'.

    Raises:
        RuleError: there is none.
    """
    if name not in _zones():
        raise RuleError(f"There is no time zone {quoted(name)}.{nearest(name, _zones())}", place)
    return ZoneInfo(name)


def _hour(local: Floats) -> Floats:
    return np.floor(local / HOUR) % 24


def _minute(local: Floats) -> Floats:
    return np.floor(local / MINUTE) % 60


def _weekday(local: Floats) -> Floats:
    """1 is Monday, 7 Sunday. The first of January 1970 was a Thursday."""
    return (np.floor(local / DAY) + 3) % 7 + 1


def _day(local: Floats) -> Floats:
    dates, is_missing = _dates(local)
    return np.where(is_missing, np.nan, (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1.0)


def _month(local: Floats) -> Floats:
    dates, is_missing = _dates(local)
    return np.where(is_missing, np.nan, dates.astype("datetime64[M]").astype(np.int64) % 12 + 1.0)


def _dates(local: Floats) -> tuple[np.ndarray[tuple[int], np.dtype[np.datetime64]], np.ndarray]:
    is_missing = np.isnan(local)
    days = np.where(is_missing, 0.0, np.floor(local / DAY)).astype(np.int64)
    return days.astype("datetime64[D]"), is_missing


PARTS: dict[str, Callable[[Floats], Floats]] = {
    "hour": _hour, "minute": _minute, "weekday": _weekday, "day": _day, "month": _month,
}  # fmt: skip


def local_times(key: str, times: Floats, zone: ZoneInfo, columns: Columns) -> Floats:
    """What the clocks of a zone show, as if it were UTC."""
    return columns.value(f"local({key},{zone.key!r})", lambda _: times + _offsets(times, zone))


def _offsets(times: Floats, zone: ZoneInfo) -> Floats:
    """Microseconds that the zone is ahead of UTC at each time. Each quarter of an hour is looked up once."""
    quarters, places = np.unique(np.floor(times / _QUARTER), return_inverse=True)
    known = [_offset_in_quarter(quarter, zone) if quarter == quarter else np.nan for quarter in quarters.tolist()]
    offsets: Floats = np.array([np.nan if one is None else one for one in known], np.float64)[places]
    for place, one in enumerate(known):
        if one is None:
            for row in np.flatnonzero(places == place).tolist():
                offsets[row] = _offset_at(times[row], zone)
    return offsets


@lru_cache(maxsize=100_000)
def _offset_in_quarter(quarter: float, zone: ZoneInfo) -> float | None:
    """None where it changes within, or is not known."""
    begin, end = _offset_at(quarter * _QUARTER, zone), _offset_at((quarter + 1) * _QUARTER - 1, zone)
    return begin if begin == end else None


def _offset_at(time: float, zone: ZoneInfo) -> float:
    try:
        offset = (_BEGINNING + timedelta(microseconds=time)).astimezone(zone).utcoffset()
    except OverflowError:
        return np.nan
    return np.nan if offset is None else offset / timedelta(microseconds=1)
