"""Work the clock asks for."""

from celery import shared_task
from django.utils.timezone import now

from cases.services import (
    checks,
    claims,
    deadlines,
    figures,
    known_cases,
    presence,
    rule_alarms,
    score_figures,
    snoozes,
    verdict_effects,
)


@shared_task(name="cases.release_expired_claims")
def release_expired_claims() -> int:
    """Free the cases whose analyst left. Safe to run twice."""
    return claims.release_expired(now=now())


@shared_task(name="cases.forget_who_left")
def forget_who_left() -> int:
    """Drop the signs of people who closed their pages. Safe to run twice."""
    return presence.forget_who_left(now=now())


@shared_task(name="cases.watch_deadlines")
def watch_deadlines() -> int:
    """Warn of cases that are nearly due, and act on those that are over time. Safe to run twice."""
    return deadlines.watch_deadlines(now=now())


@shared_task(name="cases.settle_verdicts")
def settle_verdicts() -> int:
    """Let verdicts take effect whose time to be undone is over: for when the task worker's own thread does not."""
    return verdict_effects.settle_due(now=now())


@shared_task(name="cases.wake_snoozed_cases")
def wake_snoozed_cases() -> int:
    """Write down whose time to sleep is over. Safe to run twice."""
    return snoozes.wake_due(now=now())


@shared_task(name="cases.refresh_figures")
def refresh_figures() -> None:
    """Count the dashboard's figures again where something changed. Safe to run twice."""
    figures.refresh_figures(now=now())


@shared_task(name="cases.count_scores")
def count_scores() -> None:
    """Count the scores of the days that changed and are over. Safe to run twice."""
    score_figures.count_scores(now=now())


@shared_task(name="cases.return_expired_checks")
def return_expired_checks() -> int:
    """Give the reviews whose reviewer left to somebody else. Safe to run twice."""
    return checks.return_expired(now=now())


@shared_task(name="cases.follow_truths")
def follow_truths() -> int:
    """Bring chargebacks and corrections to the first verdicts, and keep known cases waiting. Safe to run twice."""
    known_cases.collect_truths(now=now())
    return known_cases.refill(now=now())


@shared_task(name="cases.watch_rules")
def watch_rules() -> None:
    """Raise and close alarms of rules, but for those that fail. Safe to run twice."""
    rule_alarms.watch_rules(now=now())


@shared_task(name="cases.watch_rule_failures")
def watch_rule_failures() -> None:
    """Raise and close alarms of rules that cannot be computed. Safe to run twice."""
    rule_alarms.watch_failures(now=now())
