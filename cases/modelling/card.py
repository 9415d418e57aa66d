"""The model card: what is known of a model, for whoever has to answer for it."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from cases import access
from cases.modelling.card_page import card_page
from cases.views.pages import ConsoleRequest, page
from scoring.models import ModelVersion


@require_safe
def model_card(request: ConsoleRequest, version: str) -> HttpResponse:
    """One model's card."""
    access.check_may_view(request.user)
    if not request.user.has_perm("scoring.view_modelversion"):
        raise PermissionDenied("You may see cases; models are for leads, managers and auditors.")
    rows = ModelVersion.objects.select_related("requested_by").defer("artefact", "anomaly_artefact", "reference")
    found = rows.filter(version=version).first() if "\0" not in version else None
    if found is None:
        raise Http404
    return page(request, "modelling/card.html", {"model": found, "card": card_page(found)})
