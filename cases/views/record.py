"""What a case leaves behind: its history, and its page on paper."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_safe

from cases import access
from cases.queries import evidence_page, history
from cases.queries.sight import check_may_see_score
from cases.services import prints
from cases.views.pages import ConsoleRequest, page


@require_safe
def case_history(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    """The newest entries, or those older than `before`; a fragment for the case's page."""
    case = access.get_visible_case(request.user, case_id)
    before = request.GET.get("before", "")
    try:
        found = history.history_of(case, before=before)
    except history.UnknownPositionError as error:
        raise Http404("The history has no such place.") from error
    fragment = "cases/_history.html#entries" if before else "cases/_history.html#history"
    template = fragment if request.htmx else "cases/history.html"
    return page(request, template, {"case": case, "history": found, "before": before})


@require_GET
def print_case(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    """Everything about the case in black on white. That it was asked for is recorded first, and stands on it."""
    case = access.get_visible_case(request.user, case_id)
    check_may_see_score(request.user, case)
    moment = now()
    prints.record_print(case=case, actor=request.user, now=moment)
    evidence = evidence_page.evidence_page(case, desk=access.desk_for(request.user))
    context = {"case": case, "evidence": evidence, "now": moment}
    return render(request, "cases/print.html", context)
