"""The charts of the threshold page: costs, alerts, precision and recall against each threshold."""

from collections.abc import Callable, Sequence

import numpy as np

from cases.charts.chart import Chart, Picture, Series, draw
from cases.charts.scale import percent, short
from scoring import thresholds
from scoring.thresholds import THRESHOLDS, Choice, Costs, Curve, Floats, Payments

# Where everything is reviewed costs dwarf the part that is asked about: beyond so many times the present they are
# told in the numbers only.
_TIMES_PRESENT = 4.0
# Precision of fewer flagged payments with a label jumps about.
_FEWEST_FLAGGED = 5
_NAMES = [f"{threshold:g}" for threshold in THRESHOLDS]
_PLACES = range(len(THRESHOLDS))


def charts(
    bands: Sequence[Payments], present: Sequence[Choice], *, costs: Costs | None, capacity: int | None, currency: str
) -> list[Chart]:
    """Each against one threshold for all the bands, the other one as it is now. Costs only where they are known."""
    drawn = [_alerts(bands, present, capacity), _quality(bands, present)]
    if costs is None:
        return drawn
    of_costs = [
        _cost(bands, present, costs, currency, name=name, choose=choose)
        for name, choose in (("review", _at_review), ("decline", _at_decline))
    ]
    return [*of_costs, *drawn]


def _at_review(place: int, now: Choice) -> Choice:
    return Choice(place, max(place, now.decline))


def _at_decline(place: int, now: Choice) -> Choice:
    return Choice(min(place, now.review), place)


def _marks(present: Sequence[Choice], name: str) -> list[tuple[int, str]]:
    """The present thresholds, each once; only the first has words: bands would write over each other."""
    places = sorted({int(getattr(choice, name)) for choice in present})
    return [(place, "" if number else "now") for number, place in enumerate(places)]


def _cost(
    bands: Sequence[Payments],
    present: Sequence[Choice],
    costs: Costs,
    currency: str,
    *,
    name: str,
    choose: Callable[[int, Choice], Choice],
) -> Chart:
    def line(curve_of: Callable[[Payments, Costs], Curve], prices: Costs) -> Floats:
        curves = [curve_of(band, prices) for band in bands]
        return np.array([
            sum(curve.cost(choose(place, now)) for curve, now in zip(curves, present, strict=True)) for place in _PLACES
        ])  # fmt: skip

    is_labelled = bool(bands[0].mature.any())
    expected = line(thresholds.costs_by_scores, costs)
    missed, review, wrong = (
        line(thresholds.costs_by_labels, prices)
        for prices in (Costs(0, 0), Costs(costs.review, 0), Costs(0, costs.false_decline))
    )
    review, wrong = review - missed, wrong - missed
    known = missed + review + wrong
    both = np.concatenate([expected, known]) if is_labelled else expected
    most = _TIMES_PRESENT * max(
        [float(both.min()), *(float(line_[getattr(c, name)]) for c in present for line_ in (expected, known))]
    )
    lowest = int((known if is_labelled else expected).argmin())
    labelled = [Series("by labels", "accent", _below(known, most), is_line=True)] if is_labelled else []
    return draw(
        Picture(
            name=f"cost-{name}",
            title=f"Cost a day, {currency}, by {name} threshold",
            words=f"least at {_NAMES[lowest]} by {'labels' if is_labelled else 'scores'}; the other threshold as now",
            columns=_NAMES,
            series=[*labelled, Series("by scores", "warn", _below(expected, most), is_line=True)],
            on_axis=short,
            header=["Threshold", "By labels", "missed fraud", "reviews", "false declines", "By scores"],
            rows=[
                (
                    _NAMES[i],
                    *(f"{one[i]:,.0f}" if is_labelled else "–" for one in (known, missed, review, wrong)),
                    f"{expected[i]:,.0f}",
                )
                for i in _PLACES
            ],
            marks=_marks(present, name),
        )
    )


def _alerts(bands: Sequence[Payments], present: Sequence[Choice], capacity: int | None) -> Chart:
    daily: Floats = np.sum([thresholds.alerts(band) for band in bands], axis=0)
    floor = float(np.sum([thresholds.floor(band) for band in bands], axis=0).mean())
    average, busy = daily.mean(axis=0), np.quantile(daily, 0.95, axis=0)
    now = max(float(average[choice.review]) for choice in present)
    most = _TIMES_PRESENT * max(now, floor, float(capacity or 0), 1.0)
    room = [Series("capacity", "legit", [float(capacity)] * len(_NAMES), is_line=True)] if capacity else []
    return draw(
        Picture(
            name="alerts",
            title="Alerts a day, by review threshold",
            words=f"rules and lists alone make {floor:,.0f}",
            columns=_NAMES,
            series=[
                Series("average", "accent", _below(average, most), is_line=True),
                Series("busy day", "warn", _below(busy, most), is_line=True),
                Series("rules, lists", "fraud-dashed", [floor] * len(_NAMES), is_line=True),
                *room,
            ],
            on_axis=short,
            header=["Threshold", "On average", "95 of 100 days at most"],
            rows=[(_NAMES[i], f"{average[i]:,.1f}", f"{busy[i]:,.1f}") for i in _PLACES],
            marks=_marks(present, "review"),
        )
    )


def _quality(bands: Sequence[Payments], present: Sequence[Choice]) -> Chart:
    frauds, good, amounts = (
        np.sum([thresholds.flagged(getattr(band, name)[band.mature]).sum(axis=0) for band in bands], axis=0)
        for name in ("frauds", "legitimate", "fraud_amount")
    )
    known = sum(band.frauds_known for band in bands)
    lost = sum(float(band.fraud_amount[band.mature].sum()) for band in bands)
    precision = [_share(frauds[i], frauds[i] + good[i], _FEWEST_FLAGGED) for i in _PLACES]
    recall = [_share(frauds[i], known, thresholds.FEWEST_FRAUDS) for i in _PLACES]
    of_amount = [_share(amounts[i], lost, 0) if recall[i] is not None else None for i in _PLACES]
    return draw(
        Picture(
            name="quality",
            title="Precision and recall, by review threshold",
            words=f"of {known:,.0f} frauds by label" if known else "no fraud is labelled yet",
            columns=_NAMES,
            series=[
                Series("recall", "legit", recall, is_line=True),
                Series("precision", "fraud-dashed", precision, is_line=True),
            ],
            on_axis=percent,
            header=["Threshold", "Precision", "Recall", "Recall of amounts", "Frauds flagged"],
            rows=[
                (_NAMES[i], _percent(precision[i]), _percent(recall[i]), _percent(of_amount[i]), f"{frauds[i]:,.0f}")
                for i in _PLACES
            ],
            marks=_marks(present, "review"),
            most=1.0,
        )
    )


def _share(part: float, whole: float, fewest: float) -> float | None:
    return float(part / whole) if whole and whole >= fewest else None


def _percent(share: float | None) -> str:
    return "–" if share is None else percent(share)


def _below(values: Floats, most: float) -> list[float | None]:
    return [float(value) if value <= most else None for value in values]
