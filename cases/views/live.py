"""The live feed's page; what moves on it comes by WebSocket (cases/live.py)."""

from django.http import HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from cases import access
from cases.queries import feed as feed_queries
from cases.queries.sight import sight_of
from cases.views.pages import ConsoleRequest, page

_ROWS = 50


@require_safe
def live(request: ConsoleRequest) -> HttpResponse:
    access.check_may_view(request.user)
    access.check_may_watch(request.user)
    entries = feed_queries.newest_entries(_ROWS, desk=access.desk_for(request.user))
    return page(
        request,
        "cases/live.html",
        {"entries": entries, "seq": entries[0].seq if entries else 0, "now": now(), "sight": sight_of(request.user)},
    )
