"""What a review costs the desk, of late."""

from datetime import date, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Sum

from cases.models import DeskFigures

_LOOK_BACK = timedelta(days=30)


def review_cost_a_case(*, today: date) -> Decimal | None:
    """In the currency of the costs: the price a case where there is one, else the mean time of a verdict at the price
    an hour; None where nobody decided anything.
    """
    if settings.REVIEW_COST_A_CASE:
        return Decimal(settings.REVIEW_COST_A_CASE)
    lately = DeskFigures.objects.filter(day__gt=today - _LOOK_BACK, day__lte=today, analyst__isnull=False)
    sums = lately.aggregate(seconds=Sum("handled_seconds"), verdicts=Sum("verdicts"))
    if not sums["verdicts"]:
        return None
    an_hour: Decimal = settings.REVIEW_COST_AN_HOUR
    return an_hour * int(sums["seconds"]) / 3600 / int(sums["verdicts"])
