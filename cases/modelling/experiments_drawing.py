"""The confidence sequence of an experiment over its days. Pure."""

from collections.abc import Sequence
from datetime import date
from math import isfinite

from cases.charts.chart import Chart, Picture, Series, draw
from cases.modelling import experiments_words as say
from scoring.ml.experiments.judging import Standing, State
from scoring.models import Experiment

# The first days know next to nothing: their intervals would press all others into a line.
_WIDEST = 3.0


def drawing(counted: Sequence[tuple[date, Standing]], experiment: Experiment) -> Chart:
    """The difference and its interval, look by look, between the lines of what is worth knowing. At least one look."""
    metric, least = experiment.metric, experiment.least_effect
    scale = 100.0 if say.is_share(metric) else 1.0
    shown = [standing if standing.state != State.TOO_FEW else None for _, standing in counted]
    widest = _widest(shown, least)

    def cut(value: float) -> float:
        return max(-widest, min(widest, value)) * scale

    worth = [least * scale] * len(counted)
    return draw(
        Picture(
            name="sequence",
            title="Challenger less champion",
            words=f"{say.unit(metric, experiment.currency)}; shaded: the interval, cut off where it is very wide",
            columns=[f"{day:%a %-d %b}" for day, _ in counted],
            ticks=[f"{day:%-d %b}" for day, _ in counted],
            series=[
                Series(
                    "Difference",
                    "accent",
                    [cut(one.difference.value) if one else None for one in shown],
                    is_line=True,
                    lower=[cut(one.low) if one else None for one in shown],
                    upper=[cut(one.high) if one else None for one in shown],
                ),
                Series("Worth knowing", "fraud-dashed", worth, is_line=True),
                Series("", "fraud-dashed", [-value for value in worth], is_line=True),
            ],
            on_axis=_on_axis,
            header=["Day", "Difference", "from", "to", "Cards"],
            rows=[
                _row(day, standing, metric, has_cards)
                for (day, standing), has_cards in zip(counted, shown, strict=True)
            ],
            is_signed=True,
        )
    )


def _widest(shown: Sequence[Standing | None], least: float) -> float:
    finite = [max(abs(one.low), abs(one.high)) for one in shown if one and isfinite(one.low)]
    return max(_WIDEST * least, finite[-1] * 1.5 if finite else 0.0)


def _on_axis(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".").replace("-", say.MINUS) or "0"


def _row(day: date, standing: Standing, metric: str, known: Standing | None) -> tuple[str, ...]:
    if known is None:
        return f"{day:%a %-d %b}", "too few", "", "", ""
    values = (standing.difference.value, standing.low, standing.high)
    return f"{day:%a %-d %b}", *(say.signed(value, metric) for value in values), f"{standing.cards:,}"
