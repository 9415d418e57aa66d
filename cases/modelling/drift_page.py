"""What the page of drift shows of a report: rows, small histograms, charts over days. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cases.charts import paths
from cases.charts.chart import Chart, Picture, Series, draw
from cases.charts.scale import percent
from cases.modelling.drift_queries import Day
from scoring.ml.drift_words import SORTS

WIDTH, HEIGHT = 132, 34
# More would be narrower than a dot.
BARS = 26
# Of the training's payments, those that scored highest.
_TOP = 0.01


@dataclass(frozen=True)
class ValueRow:
    """One feature or score: its measures beside what was usual, and shares by bin where the report keeps them."""

    name: str
    words: str
    severity: str
    ks: str
    usual_ks: str
    psi: str
    usual_psi: str
    missing: str
    missing_then: str
    then: str
    now: str


@dataclass(frozen=True)
class LabelsShown:
    """What mature labels say, as words; `why` where they say nothing. points: mean score, fraud share and payments."""

    why: str = ""
    rows: str = ""
    since: str = ""
    until: str = ""
    share: str = ""
    trained_share: str = ""
    frauds: str = ""
    expected: str = ""
    error: str = ""
    slope: str = ""
    points: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True)
class ReportShown:
    """A report, told: what was found, rows that moved most first, alerts, kinds of payments, labels."""

    findings: Sequence[Mapping[str, Any]]
    rows: Sequence[ValueRow]
    mixes: Sequence[Mapping[str, Any]]
    alerts: Mapping[str, str] | None
    labels: LabelsShown
    learnt_from: int
    payments: int
    counted: int
    scores_then: Sequence[int]


def shown(figures: Mapping[str, Any]) -> ReportShown:
    """Of `DriftReport.figures`; a report of too few payments has no rows."""
    return ReportShown(
        findings=figures["findings"],
        rows=[_row(one, figures.get("drawn", {})) for one in figures.get("values", [])],
        mixes=[_mix(one) for one in figures.get("mixes", [])],
        alerts=_alerts(figures["alerts"]) if "alerts" in figures else None,
        labels=_labels(figures["labels"], figures["trained_label_rate"]),
        learnt_from=figures.get("learnt_from", 0),
        payments=figures.get("payments", 0),
        counted=figures.get("rows", 0),
        scores_then=figures.get("drawn", {}).get("score", {}).get("then", []),
    )


def _labels(found: Mapping[str, Any], trained: float) -> LabelsShown:
    if "why" in found:
        return LabelsShown(why=found["why"])
    return LabelsShown(
        rows=f"{found['rows']:,}",
        since=found["since"][:10],
        until=found["until"][:10],
        share=f"{found['frauds'] / found['rows']:.2%}",
        trained_share=f"{trained:.2%}",
        frauds=f"{found['frauds']:,}",
        expected=f"{found['expected']:,.0f}",
        error=f"{found['error']:.4f}",
        slope=_two(found["slope"]),
        points=[(f"{mean:.4f}", f"{share:.2%}", f"{rows:,}") for mean, share, rows in found["points"]],
    )


def _row(one: Mapping[str, Any], drawn: Mapping[str, Any]) -> ValueRow:
    bins = drawn.get(one["name"])
    then, now = histograms(bins["then"], bins["now"]) if bins else ("", "")
    measures = {name: _two(one[name]) for name in ("ks", "usual_ks", "psi", "usual_psi")}
    shares = {name: percent(one[name]) for name in ("missing", "missing_then")}
    said = {"name": one["name"], "words": one["words"], "severity": one["severity"]}
    return ValueRow(**said, **measures, **shares, then=then, now=now)


def _two(measure: float | None) -> str:
    return "–" if measure is None else f"{measure:.2f}"


def histograms(then: Sequence[int], now: Sequence[int]) -> tuple[str, str]:
    """Paths of bars, the training's beside today's, to one scale; empty where one of them has nothing.

    Of more bins than BARS some are drawn together.
    """
    if not sum(then) or not sum(now):
        return "", ""
    together = -(-len(then) // BARS)
    shares = [
        [sum(counts[place : place + together]) / sum(counts) for place in range(0, len(counts), together)]
        for counts in (then, now)
    ]
    highest = max(max(one) for one in shares)
    step = WIDTH / len(shares[0])

    def bars(values: Sequence[float], at: float) -> str:
        return paths.bars(
            (round((place + at) * step, 1), round(HEIGHT * (1 - share / highest), 1), round(step * 0.4, 1),
             round(HEIGHT * share / highest, 1))
            for place, share in enumerate(values)
        )  # fmt: skip

    return bars(shares[0], 0.05), bars(shares[1], 0.5)


def _mix(one: Mapping[str, Any]) -> dict[str, Any]:
    """The kinds that are most frequent today, their shares then and now."""
    kinds = sorted(one["then"].keys() | one["now"].keys(), key=lambda kind: (-one["now"].get(kind, 0.0), kind))
    shares = [(kind, percent(one["then"].get(kind, 0.0)), percent(one["now"].get(kind, 0.0))) for kind in kinds[:6]]
    usual = "–" if one["usual"] is None else percent(one["usual"])
    return {
        "title": SORTS[one["sort"]], "severity": one["severity"], "distance": percent(one["distance"]),
        "usual": usual, "shares": shares,
    }  # fmt: skip


def _alerts(one: Mapping[str, Any]) -> dict[str, str]:
    share = one["part"] / one["whole"] if one["whole"] else 0.0
    shares = {"share": share, "low": one["low"], "high": one["high"]}
    return {name: f"{value:.2%}" for name, value in shares.items()} | {"severity": one["severity"]}


def day_charts(days: Sequence[Day], scores_then: Sequence[int]) -> list[Chart]:
    """The alert rate, and how many payments score as the riskiest did in training; one column a day.

    scores_then: counts over the same bins while training; empty without a report.
    """
    counted = [day for day in days if day.payments]
    if not counted:
        return []
    alerts = [day.flagged / day.payments for day in counted]
    charts = [_chart("alert-rate", "Alert rate", "flagged payments of all, by day", "flagged", counted, alerts)]
    if sum(scores_then):
        place = _top_from(scores_then)
        words = f"payments that score as the highest {percent(_share_from(scores_then, place) or 0.0)} did in training"
        high = [_share_from(day.scores, place) for day in counted]
        charts.append(_chart("top-scores", "High scores", words, "high", counted, high))
    return charts


def _top_from(counts: Sequence[int]) -> int:
    """The highest bin from which on there is a hundredth of all; the lowest where there is no such."""
    return max((place for place in range(len(counts)) if (_share_from(counts, place) or 0.0) >= _TOP), default=0)


def _share_from(counts: Sequence[int], place: int) -> float | None:
    return sum(counts[place:]) / sum(counts) if sum(counts) else None


def _chart(
    name: str, title: str, words: str, series: str, days: Sequence[Day], values: Sequence[float | None]
) -> Chart:
    names = [f"{day.day:%-d %b}" for day in days]
    return draw(
        Picture(
            name=name,
            title=title,
            words=words,
            columns=names,
            series=[Series(series, "accent", values, is_line=True)],
            on_axis=percent,
            header=["Day", "Payments", title],
            rows=[
                (column, f"{day.payments:,}", "–" if value is None else f"{value:.2%}")
                for column, day, value in zip(names, days, values, strict=True)
            ],
        )
    )
