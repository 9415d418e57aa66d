"""The drawings of a case and the numbers behind them: fragments of its page, and pages of their own without htmx.

With `as_of` they show what was known before that moment, to who reviews the case blind.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from cases import access
from cases.models import Case
from cases.queries import drawings
from cases.queries import graph as graph_queries
from cases.queries.sight import check_may_see_score
from cases.views.pages import ConsoleRequest, page


@require_safe
def graph(request: ConsoleRequest, case_id: UUID, *, as_of: datetime | None = None) -> HttpResponse:
    """Who stands together with the card: customers, devices, addresses, shops, other cards."""
    case = access.get_visible_case(request.user, case_id)
    drawn = graph_queries.case_graph(case, desk=access.desk_for(request.user), as_of=as_of)
    return _drawing(request, case, "graph", {"graph": drawn})


@require_safe
def places(request: ConsoleRequest, case_id: UUID, *, as_of: datetime | None = None) -> HttpResponse:
    case = access.get_visible_case(request.user, case_id)
    return _drawing(request, case, "places", {"places": drawings.case_places(case, as_of=as_of).places})


@require_safe
def card_timeline(request: ConsoleRequest, case_id: UUID, *, as_of: datetime | None = None) -> HttpResponse:
    """The card's payments of `?span=month`, week or day; with `rows` in the query as a table."""
    case = access.get_visible_case(request.user, case_id)
    span = request.GET.get("span", "month")
    try:
        drawn = drawings.card_timeline(case, span, desk=access.desk_for(request.user), as_of=as_of)
    except drawings.NoSuchDrawingError as error:
        raise Http404("There is no such span.") from error
    name = "payments" if "rows" in request.GET else "timeline"
    return _drawing(request, case, name, {"line": drawn.line, "payments": drawn.payments})


@require_safe
def shared_payments(
    request: ConsoleRequest, case_id: UUID, decision_id: int, kind: str, *, as_of: datetime | None = None
) -> HttpResponse:
    """Other cards' payments with the same device, ip or merchant."""
    case = access.get_visible_case(request.user, case_id)
    try:
        shared = drawings.shared_payments(case, decision_id, kind, desk=access.desk_for(request.user), as_of=as_of)
    except drawings.NoSuchDrawingError as error:
        raise Http404("The case has no such payment.") from error
    return _drawing(request, case, "shared", {"shared": shared, "now": now()})


@require_safe
def reason_numbers(
    request: ConsoleRequest, case_id: UUID, decision_id: int, place: int, *, as_of: datetime | None = None
) -> HttpResponse:
    """The numbers of a reason, which are as they were whatever `as_of`."""
    case = access.get_visible_case(request.user, case_id)
    check_may_see_score(request.user, case)
    try:
        numbers = drawings.reason_numbers(case, decision_id, place)
    except drawings.NoSuchDrawingError as error:
        raise Http404("The case has no such reason.") from error
    return _drawing(request, case, "numbers", {"numbers": numbers})


def _drawing(request: ConsoleRequest, case: Case, name: str, context: dict[str, Any]) -> HttpResponse:
    template = f"cases/drawings/{name}.html" + ("#drawing" if request.htmx else "")
    return page(request, template, {"case": case, **context})
