"""What all pages share."""

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.middleware import HtmxDetails

from cases.queries import queue


class ConsoleRequest(HttpRequest):
    """A request behind the login: LoginRequiredMiddleware has let it through."""

    user: User
    htmx: HtmxDetails


def page(request: ConsoleRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render with the top bar's numbers; a fragment (`template#name`) shows no top bar and asks for none."""
    if "#" not in template:
        context = {**context, "nav": queue.nav_for(request.user, open_count=context.get("open_count"))}
    return render(request, template, context, status=status)
