"""Payments that the random audit may draw, and drawing among them."""

from datetime import timedelta

from cases.services.audit import number_of, set_audit
from cases.services.review_settings import current_settings
from scoring.models import Outcome
from tests.factories import NOON, make_decision

DAY = timedelta(days=1)


def approved(number, **overrides):
    return [make_decision(outcome=Outcome.APPROVE, score=0.01, reasons=[], **overrides) for _ in range(number)]


def ids_of(decisions):
    return [decision.id for decision in decisions]


def audit(share=0.05, daily_reviews=10_000, now=NOON - DAY):
    return set_audit(share=share, daily_reviews=daily_reviews, actor=None, now=now)


def drawn_among(decisions):
    salt = current_settings().salt
    return {one.id for one in decisions if number_of(salt, one.transaction_id) < 0.05}
