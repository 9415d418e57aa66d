"""Models: who decides and what is on the way, one of them whole, and the steps it takes."""

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from cases.modelling.steps import STEPS, Sent, Step
from cases.modelling.versions import ModelPage, model_page, models_page
from cases.views.pages import ConsoleRequest, page
from scoring.ml.model import ModelRefusedError
from scoring.services.model_guards import MAX_SHARE
from scoring.services.model_stages import ModelStepError


class StepForm(forms.Form):
    """Words for the record, the champion on the page, the share in percent, and that it is meant."""

    note = forms.CharField(max_length=500, required=False, error_messages={"max_length": "At most 500 characters."})
    champion = forms.CharField(max_length=64, required=False)
    share = forms.FloatField(required=False, error_messages={"invalid": "The share is a number of percent."})
    is_meant = forms.BooleanField(required=False)

    def __init__(self, *args: object, step: Step, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self._step = step

    def clean(self) -> None:
        if self._step.confirms and not self.cleaned_data.get("is_meant"):
            raise forms.ValidationError(f"Tick “{self._step.confirms}” first.")
        if self._step.asks_share and self.cleaned_data.get("share") is None and "share" not in self.errors:
            raise forms.ValidationError("Say the share of the cards, in percent.")


@require_safe
def models(request: ConsoleRequest) -> HttpResponse:
    _check_may_view(request)
    return page(request, "modelling/models.html", {"page": models_page()})


@require_safe
def model_detail(request: ConsoleRequest, version: str) -> HttpResponse:
    _check_may_view(request)
    return _model(request, model_page(version, request.user))


@require_POST
def model_step(request: ConsoleRequest, version: str, action: str) -> HttpResponse:
    _check_may_view(request)
    if action not in STEPS:
        raise Http404("There is no such step.")
    step = STEPS[action]
    if not request.user.has_perm(step.permission):
        raise PermissionDenied("You may look at models; moving and promoting them is for managers.")
    shown = model_page(version, request.user)
    form = StepForm(request.POST, step=step)
    refusal = " ".join(str(message) for errors in form.errors.values() for message in errors)
    if form.is_valid():
        try:
            model = step.take(version, _sent(request, form))
        except (ModelStepError, ModelRefusedError) as error:
            shown, refusal = model_page(version, request.user), str(error)
        else:
            messages.success(request, step.done.format(version=model.version))
            return redirect("model_detail", model.version)
    refused = {"refusal": refusal, "refused": action, "note": request.POST.get("note", "")}
    return _model(request, shown, refused, status=422)


def _sent(request: ConsoleRequest, form: StepForm) -> Sent:
    said = form.cleaned_data
    share = None if said["share"] is None else said["share"] / 100
    return Sent(request.user, now(), said["note"], said["champion"], share)


def _model(
    request: ConsoleRequest, shown: ModelPage, refused: dict[str, str] | None = None, *, status: int = 200
) -> HttpResponse:
    context = {"page": shown, "most_share": round(MAX_SHARE * 100)}
    return page(request, "modelling/model.html", context | (refused or {}), status=status)


def _check_may_view(request: ConsoleRequest) -> None:
    if not request.user.has_perm("scoring.view_modelversion"):
        raise PermissionDenied("Models are for leads, managers and auditors to see.")
