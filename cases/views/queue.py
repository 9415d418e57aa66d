"""The queue, and taking the next case from it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from cases import access
from cases.models import Case, Queue
from cases.queries import feed as feed_queries
from cases.queries import queue as queue_queries
from cases.services import claims
from cases.views.pages import ConsoleRequest, page


@require_safe
def queue(request: ConsoleRequest) -> HttpResponse:
    access.check_may_view(request.user)
    # Read before the cases: what comes in between is then told, not missed.
    seq = feed_queries.newest_seq()
    moment = now()
    view, slug = request.GET.get("view", ""), request.GET.get("queue", "")
    cases = queue_queries.open_cases(view=view, user=request.user, now=moment, queue=slug)
    template = "cases/queue.html#rows" if request.htmx else "cases/queue.html"
    return page(request, template, {"queue": cases, "now": moment, "seq": seq})


@require_POST
def next_case(request: ConsoleRequest) -> HttpResponse:
    access.check_may_review(request.user)
    return open_next(request, queue=access.desk_for(request.user).queue(request.POST.get("queue", "")))


def open_next(request: ConsoleRequest, *, besides: Case | None = None, queue: Queue | None = None) -> HttpResponse:
    """Go on to the next case, of one queue or all the user works on, or to the queue when no other waits."""
    case = claims.claim_next(analyst=request.user, now=now(), besides=besides, queue=queue)
    if case is None:
        messages.info(request, "No other case is waiting." if besides else "No unclaimed case is waiting.")
        return redirect("queue")
    return redirect(case)
