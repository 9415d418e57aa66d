"""Where the payments of a card were, and how fast it got from one to the next. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import asin, cos, radians, sin, sqrt

from cases import words
from cases.land import Point

_EARTH_KM = 6371.0
# An airliner's cruising speed; who is faster was not in both places.
FASTEST_KMH = 900.0
# Nearer places say nothing: shops send the place of their head office or of the next town.
LEAST_KM = 200.0


@dataclass(frozen=True)
class Stop:
    """One payment. `latitude` and `longitude` are None where none were sent; `country` then says where."""

    occurred_at: datetime
    latitude: float | None
    longitude: float | None
    country: str = ""
    where: str = ""
    label: str = ""
    is_alert: bool = False

    @property
    def point(self) -> Point | None:
        """(longitude, latitude)."""
        return None if self.latitude is None or self.longitude is None else (self.longitude, self.latitude)

    @property
    def named(self) -> str:
        return f"{self.where} ({self.country})" if self.country else self.where


@dataclass(frozen=True)
class Hop:
    """From one payment to the next at another place."""

    before: Stop
    after: Stop
    km: float
    took: timedelta

    @property
    def kmh(self) -> float:
        """A second at least: two payments at once are not infinitely fast."""
        return self.km / (max(self.took.total_seconds(), 1.0) / 3600)

    @property
    def is_impossible(self) -> bool:
        return self.km >= LEAST_KM and self.kmh > FASTEST_KMH

    @property
    def short(self) -> str:
        return f"{self.km:,.0f} km in {words.duration(self.took)}"

    @property
    def said(self) -> str:
        way = f"{self.before.named} to {self.after.named}: {self.short}"
        return f"{way}, {self.kmh:,.0f} km/h: faster than an airliner" if self.is_impossible else way


def kilometres(a: Point, b: Point) -> float:
    """Great-circle distance of two (longitude, latitude). Source: the haversine formula."""
    (a_lon, a_lat), (b_lon, b_lat) = [(radians(lon), radians(lat)) for lon, lat in (a, b)]
    half = sin((b_lat - a_lat) / 2) ** 2 + cos(a_lat) * cos(b_lat) * sin((b_lon - a_lon) / 2) ** 2
    return 2 * _EARTH_KM * asin(min(1.0, sqrt(half)))


def hops_of(stops: Sequence[Stop]) -> list[Hop]:
    """Each step between payments that follow each other and have places, oldest first; none of no distance."""
    placed = sorted((stop for stop in stops if stop.point), key=lambda stop: stop.occurred_at)
    hops = []
    for before, after in pairwise(placed):
        if before.point and after.point and before.point != after.point:
            took = after.occurred_at - before.occurred_at
            hops.append(Hop(before, after, kilometres(before.point, after.point), took))
    return hops
