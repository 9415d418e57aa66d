"""Trainings: ask for one, watch it, call it off."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from cases import access
from cases.modelling.trainings_forms import TrainingForm, first_values
from cases.views.pages import ConsoleRequest, page
from scoring.models import TrainingRun
from scoring.services import trainings as service

SHOWN = 50
_OPEN = (TrainingRun.Status.WAITING, TrainingRun.Status.RUNNING)
# A card is a hundred times as long as the rest of a row.
_PEOPLE = ("requested_by", "cancelled_by")


@require_http_methods(["GET", "HEAD", "POST"])
def trainings(request: ConsoleRequest) -> HttpResponse:
    """The newest ones, and the form for another."""
    _check_may_view(request)
    if request.method != "POST":
        return _list(request, TrainingForm(now=now(), initial=first_values(service.usual_request(at=now()))))
    _check_may_run(request)
    form = TrainingForm(request.POST, now=now())
    if form.is_valid():
        try:
            asked = service.request_training(form.wanted(), by=request.user, at=now())
        except service.TrainingRefusedError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error).capitalize())
        else:
            return redirect("model_training", asked.id)
    return _list(request, form, status=422)


@require_safe
def training(request: ConsoleRequest, run_id: int) -> HttpResponse:
    """One: how far it is, or what came of it."""
    _check_may_view(request)
    return _one(request, _found(run_id), "modelling/training.html")


@require_safe
def training_state(request: ConsoleRequest, run_id: int) -> HttpResponseBase:
    """How far it is; once it is over, the page is loaded anew."""
    _check_may_view(request)
    found = _found(run_id)
    if found.status not in _OPEN:
        return HttpResponseClientRefresh() if request.htmx else redirect("model_training", found.id)
    return _one(request, found, "modelling/training.html#state")


@require_POST
def cancel(request: ConsoleRequest, run_id: int) -> HttpResponse:
    """Call one off."""
    _check_may_run(request)
    found = _found(run_id)
    try:
        service.cancel_training(found.id, by=request.user, at=now())
    except service.CallOffError:
        messages.info(request, "It was over already. Nothing was changed.")
    return redirect("model_training", found.id)


def _check_may_view(request: ConsoleRequest) -> None:
    access.check_may_view(request.user)
    if not request.user.has_perm("scoring.view_trainingrun"):
        raise PermissionDenied("You may see cases; trainings are for leads, managers and auditors.")


def _check_may_run(request: ConsoleRequest) -> None:
    _check_may_view(request)
    if not request.user.has_perm("scoring.add_trainingrun"):
        raise PermissionDenied("You may read trainings; asking for and cancelling them is for managers.")


def _found(run_id: int) -> TrainingRun:
    # Beyond what a column holds there is none, and PostgreSQL would refuse the number.
    rows = TrainingRun.objects.select_related("model", *_PEOPLE).defer("model__artefact", "model__anomaly_artefact")
    found = rows.filter(id=run_id).first() if run_id < 2**63 else None
    if found is None:
        raise Http404
    return found


def _list(request: ConsoleRequest, form: TrainingForm, *, status: int = 200) -> HttpResponse:
    rows = TrainingRun.objects.select_related("model", "requested_by").order_by("-id")
    shown = rows.only(
        "reason", "status", "trained_from", "trained_to", "trials", "step", "done", "error", "created_at",
        "model__version", "model__stage", "requested_by__username", "requested_by__first_name",
        "requested_by__last_name",
    )[:SHOWN]  # fmt: skip
    context = {
        "form": form,
        "trainings": shown,
        "may_run": request.user.has_perm("scoring.add_trainingrun"),
        "most": SHOWN,
    }
    return page(request, "modelling/trainings.html", context, status=status)


def _one(request: ConsoleRequest, found: TrainingRun, template: str) -> HttpResponse:
    is_open, may_run = found.status in _OPEN, request.user.has_perm("scoring.add_trainingrun")
    is_waiting = found.status == TrainingRun.Status.WAITING
    context: dict[str, object] = {
        "training": found,
        "is_open": is_open,
        "may_cancel": is_open and may_run,
        "may_run": may_run,
        "ahead": TrainingRun.objects.filter(id__lt=found.id, status__in=_OPEN).count() if is_waiting else 0,
        "percent": round(100 * found.done),
    }
    return page(request, template, context)
