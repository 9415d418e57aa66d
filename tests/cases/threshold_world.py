"""Payments of the days before today, and the threshold page of them."""

from decimal import Decimal

from django.utils.timezone import now

from cases.services import figures, score_figures
from tests.cases.dashboard_world import TODAY
from tests.factories import DAY, HOUR, make_decision, make_label


def pay(days_ago=1, label="", **values):
    at = TODAY - days_ago * DAY + 9 * HOUR
    score = values.setdefault("score", 0.01)
    flagged = "decline" if score and score >= 0.9 else "review" if score and score >= 0.5 else "approve"
    payment = make_decision(
        occurred_at=at, **{"outcome": flagged, "amount": Decimal(60), "model_version": "champion-1", **values}
    )
    if label:
        make_label(payment, label)
    return payment


def count():
    figures.refresh_figures(now=now())
    return score_figures.count_scores(now=now(), again_after=0 * DAY)


def enough(currency="EUR"):
    """Forty mature days, a fraud a day; scores are what they say."""
    for days_ago in range(35, 65):
        pay(days_ago, "fraud", score=0.7, currency=currency)
        pay(days_ago, score=0.02, currency=currency)
        pay(days_ago, "legitimate", score=0.55, amount=Decimal(700), currency=currency)


def row_of(response, title):
    return next(row for row in response.context["page"].rows if row.title == title)
