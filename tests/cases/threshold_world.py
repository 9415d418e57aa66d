"""Payments of the days before today, and the threshold page of them."""

from decimal import Decimal

from django.utils.timezone import now

from cases.services import figures, score_figures
from scoring.models import Policy
from scoring.services.policy import BandDraft, put_in_force, retire, write_parts
from tests.cases.dashboard_world import TODAY
from tests.factories import DAY, HOUR, NOON, make_decision, make_label

ADDRESS = "/policy/thresholds/"
DRAFT = "/policy/thresholds/draft/"


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


def with_bands(policy, *bands):
    """A live version after `policy` with bands."""
    version = Policy.objects.create(
        version=policy.version + 1, review_threshold=0.5, decline_threshold=0.9, note="bands", based_on=policy
    )
    write_parts(version, rules=(), bands=[BandDraft(*band) for band in bands], lists={})
    retire(policy, by=None, at=NOON)
    put_in_force(version, by=None, at=NOON)
    return version


def given(policy, **values):
    return {"based_on": policy.version, "currency": "EUR", "band": ["0|0.2|0.8", "100|0.05|0.7"], "note": "n"} | values
