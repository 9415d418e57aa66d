"""Experiments: plan one and start it, read what is known of it, end it."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cases import access
from cases.modelling import experiments_queries as queries
from cases.modelling.experiments_forms import EndForm, ExperimentForm, first_values
from cases.modelling.experiments_page import experiment_page
from cases.modelling.experiments_plan import PlanPage, plan_page
from cases.modelling.experiments_words import ended, worth_knowing
from cases.policy.backtests_costs import review_cost_a_case
from cases.views.pages import ConsoleRequest, page
from scoring.ml.model import ModelRefusedError
from scoring.models import Experiment
from scoring.services import experiments as service
from scoring.services.model_stages import ModelStepError, UnknownModelError

_NO_TRAFFIC = "No payment is old enough yet to plan from: what this plan can see is not known."


@require_http_methods(["GET", "HEAD", "POST"])
def experiments(request: ConsoleRequest) -> HttpResponse:
    """All of them, and the form that plans the next; with `only=plan` it is worked out and not started."""
    _check_may_view(request)
    if request.method != "POST":
        return _list(request, _form(request))
    _check_may_start(request)
    form = _form(request)
    if request.POST.get("only") == "plan" or not form.is_valid():
        return _list(request, form, status=200 if form.is_valid() else 422)
    try:
        started = _started(request, form)
    except service.ExperimentRefusedError as error:
        form.add_error(error.field, str(error))
    except (ModelStepError, UnknownModelError, ModelRefusedError) as error:
        form.add_error("model", str(error))
    else:
        messages.success(request, f"Experiment {started.id} runs: every process follows within 5 seconds.")
        return redirect("experiment", started.id)
    return _list(request, form, status=422)


@require_POST
def plan_experiment(request: ConsoleRequest) -> HttpResponse:
    """What the plan in the form could see, as its fields change."""
    _check_may_start(request)
    form = _form(request)
    status = 200 if form.is_valid() else 422
    return page(request, "modelling/experiments.html#plan", {"form": form, **_planned(form)}, status=status)


@require_safe
def experiment(request: ConsoleRequest, experiment_id: int) -> HttpResponse:
    """One: what is known so far, or how it ended."""
    _check_may_view(request)
    return _one(request, _found(experiment_id))


@require_POST
def end_experiment(request: ConsoleRequest, experiment_id: int) -> HttpResponse:
    """Adopt, keep or stop; to adopt leads on to the model, which a second person has to promote."""
    _check_may_view(request)
    if not request.user.has_perm("scoring.change_experiment"):
        raise PermissionDenied("You may read experiments; ending them is for managers.")
    found, form = _found(experiment_id), EndForm(request.POST)
    if not form.is_valid():
        refusal = " ".join(str(message) for errors in form.errors.values() for message in errors)
        return _one(request, found, refusal=refusal, status=422)
    try:
        over = service.end_experiment(found.id, by=request.user, at=now(), **form.cleaned_data)
    except service.ExperimentOverError as error:
        return _one(request, _found(experiment_id), refusal=str(error), status=422)
    messages.success(request, f"{ended(over)} The challenger's cards are the champion's again.")
    return redirect("experiment", over.id)


def _check_may_view(request: ConsoleRequest) -> None:
    access.check_may_view(request.user)
    if not request.user.has_perm("scoring.view_experiment"):
        raise PermissionDenied("You may see cases; experiments are for leads, managers and auditors.")


def _check_may_start(request: ConsoleRequest) -> None:
    _check_may_view(request)
    if not request.user.has_perm("scoring.add_experiment"):
        raise PermissionDenied("You may read experiments; planning and starting them is for managers.")


def _found(experiment_id: int) -> Experiment:
    # Beyond what a column holds there is none, and PostgreSQL would refuse the number.
    found = queries.whole_experiment(experiment_id) if experiment_id < 2**63 else None
    if found is None:
        raise Http404("There is no such experiment.")
    return found


def _form(request: ConsoleRequest) -> ExperimentForm:
    models = queries.models_to_try()
    if request.method == "POST":
        return ExperimentForm(request.POST, models=models)
    initial = first_values(review_cost=review_cost_a_case(today=now().date()))
    return ExperimentForm(models=models, initial=initial | {"model": request.GET.get("model", "")})


def _started(request: ConsoleRequest, form: ExperimentForm) -> Experiment:
    at, plan = now(), form.plan()
    baseline = queries.baseline_for(plan, at=at)
    known = {} if baseline is None else {**vars(baseline.traffic), "until": baseline.until.isoformat()}
    model, share = form.cleaned_data["model"], form.share_of_cards()
    return service.start_experiment(model, share, plan, by=request.user, at=at, baseline=known)


def _planned(form: ExperimentForm) -> dict[str, PlanPage | str | None]:
    """The power of a valid form's plan; nothing of any other."""
    if not form.is_bound or not form.is_valid():
        return {}
    plan, at = form.plan(), now()
    baseline = queries.baseline_for(plan, at=at)
    if baseline is None:
        return {"unplanned": _NO_TRAFFIC}
    return {"plan": plan_page(plan, form.share_of_cards(), baseline, at=at)}


def _list(request: ConsoleRequest, form: ExperimentForm, *, status: int = 200) -> HttpResponse:
    may_start = request.user.has_perm("scoring.add_experiment")
    found = queries.latest_experiments()
    context = {
        "form": form,
        "experiments": found,
        "running": next((one for one in found if not one.end), None),
        "may_start": may_start,
        "most": queries.SHOWN,
        **(_planned(form) if may_start else {}),
    }
    return page(request, "modelling/experiments.html", context, status=status)


def _one(request: ConsoleRequest, found: Experiment, *, refusal: str = "", status: int = 200) -> HttpResponse:
    context = {
        "experiment": found,
        "page": experiment_page(found, queries.looks_of(found)),
        "ended": ended(found),
        "least": worth_knowing(found),
        "may_end": not found.end and request.user.has_perm("scoring.change_experiment"),
        "refusal": refusal,
        "conclusion": request.POST.get("conclusion", ""),
    }
    return page(request, "modelling/experiment.html", context, status=status)
