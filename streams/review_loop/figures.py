"""How well a desk's model did, held against the truth. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from scoring.ml.datasets import card_code
from scoring.ml.metrics import card_precision_at_k, ranking

DAYS_A_WEEK = 7


@dataclass(frozen=True)
class Scored:
    """A payment as the model of its day scored it, and its truth. is_known: a fraud of its card was."""

    card_id: str
    score: float | None
    is_fraud: bool
    is_flagged: bool = False
    is_known: bool = False


def weeks(days: Mapping[date, Sequence[Scored]], *, reviews: int) -> list[dict[str, Any]]:
    """Figures of each whole week, the newest last.

    Payments of cards whose fraud was known are not counted, as there is nothing left to find. Payments without a score
    count as those of the lowest. Weeks of one class are left out.
    """
    names = sorted(days)
    whole = [names[i : i + DAYS_A_WEEK] for i in range(len(names) % DAYS_A_WEEK, len(names), DAYS_A_WEEK)]
    return [figures for week in whole if (figures := _week(week, days, reviews))]


HEADS = "week        payments  frauds  AUC    average precision  card precision"


def words_of(week: Mapping[str, Any]) -> str:
    """A week's figures as a line under HEADS."""
    return (
        f"{week['week']}  {week['payments']:8,}  {week['frauds']:6,}  {week['auc_roc']:.3f}  "
        f"{week['average_precision']:17.3f}  {week['card_precision']:14.3f}"
    )


def _week(week: Sequence[date], days: Mapping[date, Sequence[Scored]], reviews: int) -> dict[str, Any] | None:
    rows = [(number, one) for number, day in enumerate(week) for one in days[day] if not one.is_known]
    labels = np.array([one.is_fraud for _, one in rows], np.int8)
    if not 0 < labels.sum() < len(labels):
        return None
    scores = np.array([-1.0 if one.score is None else one.score for _, one in rows])
    cards = np.array([card_code(one.card_id) for _, one in rows])
    number = np.array([day for day, _ in rows])
    return {
        "week": week[0].isoformat(),
        "payments": len(rows),
        "frauds": int(labels.sum()),
        **ranking(labels, scores),
        "card_precision": card_precision_at_k(number, cards, labels, scores, k=reviews),
    }
