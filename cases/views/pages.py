"""What all pages share."""

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from cases import undo
from cases.queries import queue


class ConsoleRequest(HttpRequest):
    """A request behind the login: LoginRequiredMiddleware has let it through."""

    user: User
    htmx: HtmxDetails


def page(request: ConsoleRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render with the top bar's numbers; a fragment (`template#name`) shows no top bar and asks for none."""
    if "#" not in template:
        offer = undo.standing_offer(request.session, now=now())
        nav = queue.nav_for(request.user, open_cases=context.get("open_count"))
        context = {**context, "nav": nav, "undo": offer}
    return render(request, template, context, status=status)


def go_on(request: ConsoleRequest, there: HttpResponse) -> HttpResponse:
    """Let a form in a dialog leave the page as a plain one does."""
    return HttpResponseClientRedirect(there.headers["Location"]) if request.htmx else there
