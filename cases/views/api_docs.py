"""The API's own description, to be read and tried out in the browser."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from cases.views.pages import ConsoleRequest, page


@require_safe
def api_docs(request: ConsoleRequest) -> HttpResponse:
    """For whoever is signed in, as the schema itself; what is tried out needs an API key all the same."""
    return page(request, "cases/api_docs.html", {})
