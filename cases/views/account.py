"""Logging in."""

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponseBase
from django_htmx.http import HttpResponseClientRefresh

_login = LoginView.as_view(redirect_authenticated_user=True)


@login_not_required
def login(request: HttpRequest) -> HttpResponseBase:
    """A fragment that asks after the session has ended reloads its page: no login inside a table."""
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponseClientRefresh()
    return _login(request)
