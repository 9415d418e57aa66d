"""The queue, and taking the next case from it."""

from random import SystemRandom
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from cases import access
from cases.board import Asked, FilterForm, others_of
from cases.models import Case, Check, Queue
from cases.queries import feed as feed_queries
from cases.queries import queue as queue_queries
from cases.queries.saved_views import chosen_view, saved_views_of
from cases.queries.sight import sight_of
from cases.services.handing_out import hand_out
from cases.views.pages import ConsoleRequest, page

# In the session: the case that was handed out to be reviewed, until the person goes on to another.
HANDED_OUT = "review"


@require_safe
def queue(request: ConsoleRequest) -> HttpResponse:
    access.check_may_view(request.user)
    return queue_page(request, request.GET)


def queue_page(request: ConsoleRequest, address: QueryDict, **problem: Any) -> HttpResponse:
    """The queue as the address asks for it; with a `problem` of a form on it to show, as 422."""
    # Read before the cases: what comes in between is then told, not missed.
    seq = feed_queries.newest_seq()
    moment = now()
    views = saved_views_of(request.user)
    saved = chosen_view(views, address)
    form = FilterForm(saved.filters if saved else address)
    asked = Asked(form.values() if form.is_valid() else {}, others_of(address))
    wish = asked.wish if form.is_valid() else None
    slug = address.get("queue", "")
    # The rows that are read again bring no counts of saved views: those on the page stay as they are.
    counted = [] if request.htmx else views
    cases = queue_queries.open_cases(wish=wish, saved=counted, user=request.user, now=moment, queue=slug)
    shown = {"queue": cases, "open_count": cases.total, "now": moment, "seq": seq}
    given = {"form": form, "asked": asked, "saved": saved, "is_lost": "saved" in address and not saved}
    may = {"may_share": access.may_share_views(request.user), "may_review": access.may_review(request.user)}
    template = "cases/queue.html#rows" if request.htmx else "cases/queue.html"
    status = 422 if form.errors or problem else 200
    sight = {"sight": sight_of(request.user)}
    return page(request, template, {**shown, **given, **may, **sight, **problem}, status=status)


@require_POST
def next_case(request: ConsoleRequest) -> HttpResponse:
    access.check_may_review(request.user)
    return open_next(request, queue=access.desk_for(request.user).queue(request.POST.get("queue", "")))


def open_next(request: ConsoleRequest, *, besides: Case | None = None, queue: Queue | None = None) -> HttpResponse:
    """Go on to the next case, of one queue or all the user works on, or to the queue when no other waits."""
    request.session.pop(HANDED_OUT, None)
    given = hand_out(analyst=request.user, now=now(), draw=SystemRandom().random(), besides=besides, queue=queue)
    if isinstance(given, Check):
        request.session[HANDED_OUT] = str(given.case_id)
        return redirect(given.case)
    if given is None:
        messages.info(request, "No other case is waiting." if besides else "No unclaimed case is waiting.")
        return redirect("queue")
    return redirect(given)
