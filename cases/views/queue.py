"""The queue, and taking the next case from it."""

from random import SystemRandom

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from cases import access
from cases.models import Case
from cases.queries import feed as feed_queries
from cases.queries import queue as queue_queries
from cases.queries.sight import sight_of
from cases.services import checks, claims
from cases.views.pages import ConsoleRequest, page


@require_safe
def queue(request: ConsoleRequest) -> HttpResponse:
    access.check_may_view(request.user)
    # Read before the cases: what comes in between is then told, not missed.
    seq = feed_queries.newest_seq()
    moment = now()
    cases = queue_queries.open_cases(view=request.GET.get("view", ""), user=request.user, now=moment)
    template = "cases/queue.html#rows" if request.htmx else "cases/queue.html"
    return page(request, template, {"queue": cases, "now": moment, "seq": seq, "sight": sight_of(request.user)})


@require_POST
def next_case(request: ConsoleRequest) -> HttpResponse:
    access.check_may_review(request.user)
    return open_next(request)


def open_next(request: ConsoleRequest, *, besides: Case | None = None) -> HttpResponse:
    """Go on to the next case, or to the queue when no other than `besides` waits."""
    check = checks.take_next(analyst=request.user, now=now(), draw=SystemRandom().random())
    if check is not None:
        return redirect(check.case)
    case = claims.claim_next(analyst=request.user, now=now(), besides=besides)
    if case is None:
        messages.info(request, "No other case is waiting." if besides else "No unclaimed case is waiting.")
        return redirect("queue")
    return redirect(case)
