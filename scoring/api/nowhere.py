"""What no view of the API answers, answered as its views do: an address that is none, a fault of ours."""

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from scoring.api.problems import problem

_API = "/api/v1/"


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(_API):
        return problem(404, "There is nothing at this address; addresses end with a slash.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path.startswith(_API):
        return problem(500, "A fault of ours; it is in our log.")
    return defaults.server_error(request)
