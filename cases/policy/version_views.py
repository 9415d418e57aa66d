"""Policy versions: the one in force and those on the way, one of them whole, and the steps it takes."""

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from cases.policy.backtests_queries import backtests_of
from cases.policy.shadow import shadow_of
from cases.policy.steps import STEPS, Sent, Step
from cases.policy.versions import VersionPage, version_page, versions_page
from cases.views.pages import ConsoleRequest, page
from scoring.services.policy import StalePolicyError
from scoring.services.policy_checks import ContentError
from scoring.services.policy_guards import EditedMeanwhileError, OwnVersionError, TooManyInShadowError, WrongStepError

_REFUSALS = (
    ContentError,
    EditedMeanwhileError,
    OwnVersionError,
    StalePolicyError,
    TooManyInShadowError,
    WrongStepError,
)


class StepForm(forms.Form):
    """Words for the record, and the version that was in force on the page."""

    note = forms.CharField(max_length=500, required=False, error_messages={"max_length": "At most 500 characters."})
    live = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1)
    revision = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1)


@require_safe
def policy_versions(request: ConsoleRequest) -> HttpResponse:
    _check_may_view(request)
    return page(request, "policy/versions.html", {"page": versions_page()})


@require_safe
def policy_version(request: ConsoleRequest, version: int) -> HttpResponse:
    _check_may_view(request)
    return _version(request, version_page(version, request.user))


@require_POST
def policy_step(request: ConsoleRequest, version: int, step: str) -> HttpResponse:
    _check_may_view(request)
    if step not in STEPS:
        raise Http404("There is no such step.")
    shown = version_page(version, request.user)
    _check_may_take(request, STEPS[step])
    form = StepForm(request.POST)
    refusal = " ".join(str(message) for errors in form.errors.values() for message in errors)
    if form.is_valid():
        said = form.cleaned_data
        sent = Sent(request.user, now(), said["note"], said["live"] or 0, said["revision"])
        try:
            policy = STEPS[step].take(version, sent)
        except _REFUSALS as error:
            shown, refusal = version_page(version, request.user), str(error)
        else:
            messages.success(request, STEPS[step].done.format(version=policy.version))
            return redirect("policy_version", policy.version)
    refused = {"refusal": refusal, "refused": step, "note": request.POST.get("note", "")}
    return _version(request, shown, refused, status=422)


def _version(
    request: ConsoleRequest, shown: VersionPage, refused: dict[str, str] | None = None, *, status: int = 200
) -> HttpResponse:
    context = {
        "page": shown,
        "backtests": backtests_of(shown.policy),
        "shadow": shadow_of(shown.policy, user=request.user, now=now()),
    }
    return page(request, "policy/version.html", context | (refused or {}), status=status)


def _check_may_view(request: ConsoleRequest) -> None:
    if not request.user.has_perm("scoring.view_policy"):
        raise PermissionDenied("The policy is for leads, managers and auditors to see.")


def _check_may_take(request: ConsoleRequest, step: Step) -> None:
    if not request.user.has_perm(step.permission):
        raise PermissionDenied("You may read the policy; changing and publishing it is for managers.")
