"""The dashboard: what was lost, what was stopped, what it cost, what changed."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from cases import access
from cases.dashboard.page import make_page
from cases.dashboard.span import PRESETS, SpanForm
from cases.dashboard.tiles import Costs
from cases.queries import dashboard as dashboard_queries
from cases.views.pages import ConsoleRequest, page


@require_safe
def dashboard(request: ConsoleRequest) -> HttpResponse:
    access.check_may_see_dashboard(request.user)
    form = SpanForm(request.GET, now=now())
    status = 200 if form.is_valid() else 422
    found = dashboard_queries.dashboard(
        form.span(), currency=form.chosen("currency"), main_currency=settings.DASHBOARD_CURRENCY
    )
    sort = form.chosen("sort") or "hits"
    shown = make_page(found, costs=costs_of_desk(), maturity=label_maturity(), sort=sort)
    context = {
        "form": form,
        "page": shown,
        "found": found,
        "presets": PRESETS,
        "sort": sort,
        "maturity": label_maturity(),
    }
    return page(request, "cases/dashboard.html", context, status=status)


def costs_of_desk() -> Costs:
    return Costs(
        currency=settings.DASHBOARD_CURRENCY,
        hour=settings.REVIEW_COST_AN_HOUR,
        case=settings.REVIEW_COST_A_CASE,
        false_positive=settings.FALSE_POSITIVE_COST,
    )


def label_maturity() -> timedelta:
    return timedelta(days=settings.DASHBOARD_MATURE_DAYS)
