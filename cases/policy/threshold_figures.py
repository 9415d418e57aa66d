"""What the threshold page reads: scores counted ahead, in a fixed number of queries whatever the record holds."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from math import log
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import F, Q, Sum

from cases.dashboard.span import Span
from cases.models import DeskFigures, HourlyFigures, ScoreDay
from scoring.models import Policy, ThresholdBand
from scoring.thresholds import AMOUNTS, BINS, CELLS, Payments

# So much of the payments lies below where a band of its own begins, when nobody chose bands.
_SHARES = (0.5, 0.8, 0.95)
_OPEN = (Policy.Status.LIVE, Policy.Status.DRAFT, Policy.Status.SHADOW, Policy.Status.PROPOSED)


@dataclass(frozen=True)
class Asked:
    """What the page is asked for. bands: empty, data, one, or the version of a policy."""

    span: Span
    mature_days: int
    currency: str
    main_currency: str
    model: str
    bands: str


@dataclass(frozen=True)
class Figures:
    """Payments of one currency by band of amounts; `edges` are where the bands begin, the first at 0.

    others: alerts a day that payments in other currencies made. waiting: days whose scores are not counted yet.
    review_seconds: what a verdict took on average; None without one. models: those that scored, the busiest first.
    """

    asked: Asked
    days: list[date]
    waiting: int
    currency: str
    currencies: list[str]
    models: list[str]
    edges: list[Decimal]
    bands: list[Payments]
    others: float
    review_seconds: float | None
    live: Policy | None
    live_bands: list[ThresholdBand]
    versions: list[Policy]


def threshold_figures(asked: Asked) -> Figures:
    """Days that are over and counted; without a currency the main one, or where it has no payments the busiest."""
    span = _over(asked.span)
    days, waiting = _days(span)
    overview = _overview(span)
    currency, currencies = _currencies(overview, asked)
    mine = [row for row in overview if row[0] == currency]
    versions = list(Policy.objects.filter(status__in=_OPEN).order_by("-version"))
    live = next((policy for policy in versions if policy.status == Policy.Status.LIVE), None)
    bands_of = _bands_of(versions, currency)
    live_bands = bands_of.get(live.version, []) if live else []
    edges = _edges(asked.bands, mine, live_bands, bands_of)
    return Figures(
        asked=asked,
        days=days,
        waiting=waiting,
        currency=currency,
        currencies=currencies,
        models=_models(mine),
        edges=edges,
        bands=_payments(asked, span, currency, days, edges),
        others=_alerts_of_others(span, currency) / len(days) if days else 0.0,
        review_seconds=_review_seconds(span),
        live=live,
        live_bands=live_bands,
        versions=versions,
    )


def _over(span: Span) -> Span:
    """Without the day that still runs: half a day is no day of alerts."""
    return replace(span, last=min(span.last, span.now.date() - timedelta(days=1)))


def _days(span: Span) -> tuple[list[date], int]:
    known = list(ScoreDay.objects.filter(day__gte=span.first, day__lte=span.last).order_by("day"))
    return [one.day for one in known if one.counted], sum(not one.counted for one in known)


_OVERVIEW = """
SELECT currency, model_version, amount_class, sum(payments)::bigint FROM cases_scorefigures
WHERE day >= %s AND day <= %s GROUP BY currency, model_version, amount_class
"""


def _overview(span: Span) -> list[tuple[str, str, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_OVERVIEW, [span.first, span.last])
        return list(cursor.fetchall())


def _currencies(overview: Sequence[tuple[str, str, int, int]], asked: Asked) -> tuple[str, list[str]]:
    payments: dict[str, int] = {}
    for currency, _, _, count in overview:
        payments[currency] = payments.get(currency, 0) + count
    busiest = max(payments, key=lambda name: (payments[name], name), default=asked.main_currency)
    shown = asked.currency or (asked.main_currency if asked.main_currency in payments else busiest)
    return shown, sorted({shown, *payments}, key=lambda name: (name != asked.main_currency, name))


def _models(mine: Sequence[tuple[str, str, int, int]]) -> list[str]:
    payments: dict[str, int] = {}
    for _, model, _, count in mine:
        payments[model] = payments.get(model, 0) + count
    return sorted((model for model in payments if model), key=lambda model: -payments[model])


def _bands_of(versions: Sequence[Policy], currency: str) -> dict[int, list[ThresholdBand]]:
    """By version, in the order of amounts."""
    found: dict[int, list[ThresholdBand]] = {}
    bands = ThresholdBand.objects.filter(policy__in=versions, currency=currency).select_related("policy")
    for band in bands.order_by("from_amount"):
        found.setdefault(band.policy.version, []).append(band)
    return found


def _edges(
    wanted: str,
    mine: Sequence[tuple[str, str, int, int]],
    live: Sequence[ThresholdBand],
    bands_of: dict[int, list[ThresholdBand]],
) -> list[Decimal]:
    """Where bands begin: always at those in force, too, for each to have one present threshold."""
    edges = {counted_edge(band.from_amount) for band in live}
    if wanted.isdigit():
        edges |= {counted_edge(band.from_amount) for band in bands_of.get(int(wanted), [])}
    elif wanted == "data" or (not wanted and not live):
        edges |= _edges_of_data(mine)
    return sorted(edges | {Decimal(0)})


def counted_edge(amount: Decimal) -> Decimal:
    """The nearest edge of the classes that amounts are counted in."""
    if amount < Decimal("0.5"):
        return Decimal(0)
    return Decimal(min(AMOUNTS, key=lambda edge: abs(log(edge) - log(amount))))


def _edges_of_data(mine: Sequence[tuple[str, str, int, int]]) -> set[Decimal]:
    counts = [0] * (len(AMOUNTS) + 1)
    for _, _, amount_class, payments in mine:
        counts[amount_class] += payments
    sums = list(accumulate(counts))
    places = [next(i for i, below in enumerate(sums) if below >= share * sums[-1]) for share in _SHARES]
    return {Decimal(AMOUNTS[place - 1]) for place in places if place}


_CELLS = """
SELECT day, width_bucket(amount_class::int, %(classes)s::int[]) - 1, asked, score_class, sum(payments)::float8,
  sum(amount)::float8, sum(score), sum(stake)::float8, sum(frauds)::float8, sum(fraud_amount)::float8,
  sum(unknown)::float8, sum(unknown_score)
FROM cases_scorefigures
WHERE day >= %(first)s AND day <= %(last)s AND currency = %(currency)s
  AND (%(model)s = '' OR model_version = %(model)s OR score_class IS NULL)
GROUP BY day, 2, asked, score_class
"""


def _payments(
    asked: Asked, span: Span, currency: str, days: Sequence[date], edges: Sequence[Decimal]
) -> list[Payments]:
    values: dict[str, Any] = {
        "first": span.first,
        "last": span.last,
        "currency": currency,
        "model": asked.model,
        "classes": [bisect_right(AMOUNTS, edge) for edge in edges],
    }
    with connection.cursor() as cursor:
        cursor.execute(_CELLS, values)
        rows = cursor.fetchall()
    cells = np.zeros((len(edges), len(CELLS), len(days), 4, BINS))
    unscored = np.zeros((len(edges), len(days), 4))
    place_of = {day: place for place, day in enumerate(days)}
    for day, band, what, score_class, *sums in rows:
        # A day that is counted for the first time while the page is read comes with the next one.
        if (place := place_of.get(day)) is None:
            continue
        if score_class is None:
            unscored[band, place, what] = sums[0]
        else:
            cells[band, :, place, what, score_class] = sums
    limit = span.now.date() - timedelta(days=asked.mature_days)
    mature = np.array([day <= limit for day in days], np.bool_)
    return [
        Payments(**dict(zip(CELLS, of_band, strict=True)), unscored=without, mature=mature)
        for of_band, without in zip(cells, unscored, strict=True)
    ]


def _alerts_of_others(span: Span, currency: str) -> float:
    hours = HourlyFigures.objects.filter(hour__gte=span.since, hour__lt=span.until).exclude(currency=currency)
    return float(hours.aggregate(alerts=Sum(F("reviewed") + F("declined")))["alerts"] or 0)


def _review_seconds(span: Span) -> float | None:
    work = DeskFigures.objects.filter(day__gte=span.first, day__lte=span.last).aggregate(
        seconds=Sum("handled_seconds"), verdicts=Sum("verdicts", filter=Q(analyst__isnull=False))
    )
    return work["seconds"] / work["verdicts"] if work["verdicts"] else None
