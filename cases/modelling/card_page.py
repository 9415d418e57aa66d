"""What the page of a model card shows, out of what was kept with the model. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cases.charts.chart import Chart, Picture, Series, draw
from cases.charts.scale import percent
from cases.modelling.effects_drawing import Effects, draw_effects, farthest
from scoring.features.definitions import BY_NAME
from scoring.ml.effects import DRAWN_FEATURES
from scoring.models import Label, ModelVersion

_FIGURES = (
    (
        "average_precision",
        "Average precision",
        "How pure alerts are, at all thresholds; chance gives the fraud rate.",
    ),
    ("auc_roc", "Area under ROC", "How often a fraud scores above a legitimate payment; chance gives 0.5."),
    ("precision_at_alerts", "Precision at 1 % alerts", "Frauds among the payments with the highest scores."),
    ("recall_at_alerts", "Recall at 1 % alerts", "Frauds found by looking at these payments."),
    ("expected_calibration_error", "Calibration error", "How far scores are from the share of fraud, in the mean."),
    ("brier", "Brier score", "Mean squared error of the scores; 0 is best."),
)
_RECALLS = 21
_MOST_FEATURES = DRAWN_FEATURES
_PLACE = re.compile(r"\{\w+\}")


@dataclass(frozen=True)
class Figure:
    """A number and where it lies in 95 of 100 resamples; no interval where none was made."""

    title: str
    words: str
    value: str
    interval: str


@dataclass(frozen=True)
class SegmentRow:
    kind: str
    name: str
    rows: int
    frauds: int
    figures: Sequence[str]


@dataclass(frozen=True)
class FeatureRow:
    """What the trees lean on. share: of the strongest one, 0-1, for the bar. effects: None in older cards."""

    name: str
    words: str
    shap: str
    gain: str
    share: str
    effects: Effects | None


@dataclass(frozen=True)
class CardPage:
    is_known: bool
    rows: int
    figures: Sequence[Figure]
    segments: Sequence[SegmentRow]
    charts: Sequence[Chart]
    features: Sequence[FeatureRow]
    more_features: int
    limits: Sequence[str]
    parameters: Sequence[tuple[str, str]]
    libraries: Sequence[tuple[str, str]]
    sources: Sequence[tuple[str, int, int]]
    trials: Sequence[Mapping[str, Any]]


def card_page(model: ModelVersion) -> CardPage:
    """Of models that were stored before there were cards only what was known then."""
    card, metrics = model.card, model.metrics
    importance = card.get("importance", [])
    most = farthest(importance)
    return CardPage(
        is_known=bool(card),
        rows=model.dataset.get("rows", metrics.get("rows", 0)),
        figures=_figures(metrics),
        segments=[_segment(one) for one in card.get("segments", [])],
        charts=_charts(card),
        features=[_feature(one, importance[0]["shap"], most) for one in importance[:_MOST_FEATURES]],
        more_features=max(len(importance) - _MOST_FEATURES, 0),
        limits=card.get("limits", []),
        parameters=[(name, _number(value)) for name, value in sorted(model.parameters.items())],
        libraries=sorted(model.libraries.items()),
        sources=_sources(model.dataset),
        trials=sorted(card.get("trials", []), key=lambda one: -one["average_precision"])[:10],
    )


def feature_words(name: str) -> str:
    """What a feature says, without its numbers; the name alone where the table does not know it any more."""
    feature = BY_NAME.get(name)
    if feature is None:
        return name.replace("_", " ")
    words = feature.words.split(";")[0].replace("{s}", "s")
    return _PLACE.sub("…", words)


def _figures(metrics: Mapping[str, Any]) -> list[Figure]:
    intervals = metrics.get("intervals", {})
    return [
        Figure(title, words, _number(metrics[name]), _interval(intervals.get(name)))
        for name, title, words in _FIGURES
        if name in metrics
    ]


def _number(value: object) -> str:
    """Three digits that say something; words as they are."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if abs(value) < 0.1 else f"{value:.3f}"


def _interval(ends: Sequence[float] | None) -> str:
    return f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else ""


def _segment(found: Mapping[str, Any]) -> SegmentRow:
    intervals = found.get("intervals", {})
    figures = [
        f"{found[name]:.3f} ({_interval(intervals.get(name))})" if name in found else "too few frauds"
        for name in ("average_precision", "auc_roc")
    ]
    return SegmentRow(found["kind"], found["name"], found["rows"], found["frauds"], figures)


def _feature(found: Mapping[str, Any], strongest: float, most: float) -> FeatureRow:
    name, share = found["feature"], found["shap"] / strongest if strongest else 0.0
    effects = draw_effects(found["effects"], most) if "effects" in found else None
    shap, gain = f"{found['shap']:.3f}", percent(found["gain"])
    return FeatureRow(name, feature_words(name), shap, gain, f"{share:.3f}", effects)


def _sources(manifest: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """Source in words, its frauds, its legitimate ones."""
    names = dict(Label.Source.choices)
    found = manifest.get("label_sources", {})
    return [
        (str(names.get(source, source)), counts.get("fraud", 0), counts.get("legitimate", 0))
        for source, counts in found.items()
    ]


def _charts(card: Mapping[str, Any]) -> list[Chart]:
    drawn = []
    if card.get("calibration"):
        drawn.append(_calibration(card["calibration"]))
    if card.get("precision_recall"):
        drawn.append(_curve(card["precision_recall"]))
    if card.get("scores"):
        drawn.append(_scores(card["scores"]))
    return drawn


def _calibration(points: Sequence[Sequence[float]]) -> Chart:
    columns = [str(number + 1) for number in range(len(points))]
    rows = [
        (column, f"{mean:.4f}", f"{share:.4f}", f"{rows:,.0f}")
        for column, (mean, share, rows) in zip(columns, points, strict=True)
    ]
    return draw(
        Picture(
            name="calibration",
            title="Calibration",
            words="Mean score and share of fraud in parts of equal size, from the lowest scores to the highest",
            columns=columns,
            series=[
                Series("mean score", "accent", [mean for mean, _, _ in points], is_line=True),
                Series("fraud", "fraud-dashed", [share for _, share, _ in points], is_line=True),
            ],
            on_axis=percent,
            header=("Part", "Mean score", "Share of fraud", "Payments"),
            rows=rows,
        )
    )


def _curve(points: Sequence[Sequence[float]]) -> Chart:
    """Precision at recalls of equal steps: the best that reaches each."""
    recalls = [step / (_RECALLS - 1) for step in range(1, _RECALLS)]
    best = [
        max((precision for recall, precision in points if recall >= wanted - 1e-9), default=None) for wanted in recalls
    ]
    columns = [percent(wanted) for wanted in recalls]
    return draw(
        Picture(
            name="precision-recall",
            title="Precision and recall",
            words="Frauds among the alerts, by how many of the frauds the alerts find",
            columns=columns,
            series=[Series("precision", "accent", best, is_line=True)],
            on_axis=percent,
            header=("Recall", "Precision"),
            rows=[(column, "" if one is None else percent(one)) for column, one in zip(columns, best, strict=True)],
            most=1.0,
        )
    )


def _scores(found: Mapping[str, Any]) -> Chart:
    columns = [f"{edge:.2f}" for edge in found["edges"][:-1]]
    shares = {name: [count / (sum(found[name]) or 1) for count in found[name]] for name in ("legitimate", "fraud")}
    rows = [
        (column, f"{legitimate:,}", f"{fraud:,}")
        for column, legitimate, fraud in zip(columns, found["legitimate"], found["fraud"], strict=True)
    ]
    return draw(
        Picture(
            name="scores",
            title="Scores",
            words="Where the scores of legitimate payments and of frauds lie, as shares of each",
            columns=columns,
            series=[
                Series("legitimate", "accent", shares["legitimate"], is_line=True),
                Series("fraud", "fraud-dashed", shares["fraud"], is_line=True),
            ],
            on_axis=percent,
            header=("Score from", "Legitimate", "Fraud"),
            rows=rows,
            most=1.0,
        )
    )
