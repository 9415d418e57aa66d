"""Draws approved payments at random for review, and sets how many. The task worker draws, never a payment's way."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Sum
from django.db.models.functions import TruncDate

from cases import chance
from cases.audit import chance_of_day, thinned
from cases.models import AuditDraw, AuditRate, AuditSetting, HourlyFigures
from cases.services.review_settings import current_settings
from scoring.models import Decision, Outbox, Outcome
from scoring.services.outbox import add_to_outbox

_LOOK_BACK = timedelta(days=7)
# Serialises changes of the setting, so that their times follow their ids.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('settings of the audit'))"


def current_setting() -> AuditSetting | None:
    """What holds; None while nobody has set anything: no audit."""
    return AuditSetting.objects.order_by("-id").first()


@transaction.atomic
def set_audit(*, share: float, daily_reviews: int, actor: User | None, now: datetime) -> AuditSetting:
    """Audit another share from now on; what was drawn stays. The same again adds nothing to the history."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
    current = current_setting()
    if current is not None and (current.share, current.daily_reviews) == (share, daily_reviews):
        return current
    return AuditSetting.objects.create(share=share, daily_reviews=daily_reviews, set_at=now, set_by=actor)


@transaction.atomic
def draw_audit(decision_ids: Sequence[int], *, now: datetime) -> int:
    """Draw among these decisions' approved payments; those drawn get their cases by the outbox. Returns how many.

    Idempotent: a payment's number follows from its id, and one that is drawn is drawn once.
    """
    setting = current_setting()
    if setting is None or not setting.share:
        return 0
    approved = Decision.objects.filter(id__in=decision_ids, outcome=Outcome.APPROVE, audit_draw=None)
    payments = list(approved.order_by("id").values_list("id", "transaction_id"))
    if not payments:
        return 0
    rate = _rate_of(setting, now.astimezone(UTC).date())
    salt = current_settings().salt
    drawn = AuditDraw.objects.filter(day=rate.day).count()
    draws: list[AuditDraw] = []
    for decision_id, transaction_id in payments:
        number = number_of(salt, transaction_id)
        # One after the other: the chance of each hangs on those drawn before it, never on itself.
        now_chance = thinned(rate.chance, drawn=drawn + len(draws), daily_reviews=setting.daily_reviews)
        if number < now_chance:
            draws.append(
                AuditDraw(
                    decision_id=decision_id, rate=rate, day=rate.day, number=number, chance=now_chance, drawn_at=now
                )
            )
    AuditDraw.objects.bulk_create(draws, ignore_conflicts=True)
    add_to_outbox(Outbox.Topic.ALERTS, [draw.decision_id for draw in draws])
    return len(draws)


def number_of(salt: str, transaction_id: str) -> float:
    """A payment's number, 0-1: the same each time, and unforeseeable without the desk's salt."""
    return chance.fraction(salt, "audit", transaction_id)


def _rate_of(setting: AuditSetting, day: date) -> AuditRate:
    """The chance of a day, settled when its first payment comes."""
    rate = AuditRate.objects.filter(setting=setting, day=day).first()
    if rate is None:
        expected = _expected(day)
        share = chance_of_day(setting.share, daily_reviews=setting.daily_reviews, expected=expected)
        values = {"expected": expected, "chance": share}
        rate, _ = AuditRate.objects.get_or_create(setting=setting, day=day, defaults=values)
    return rate


def _expected(day: date) -> int | None:
    """Approved payments of the busiest of the seven days before; None where nothing was counted."""
    until = datetime.combine(day, time(), UTC)
    hours = HourlyFigures.objects.filter(hour__gte=until - _LOOK_BACK, hour__lt=until)
    days = hours.values(day=TruncDate("hour", tzinfo=UTC)).annotate(all=Sum("approved")).order_by()
    return max((found["all"] for found in days), default=0) or None
