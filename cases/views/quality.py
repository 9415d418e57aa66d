"""How good reviews are: everybody's for leads, one's own for analysts; settling, known cases, settings."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cases import access
from cases.models import Case, Check
from cases.quality_forms import KnownCaseForm, PeriodForm, ReviewSettingsForm, SettlementForm
from cases.queries import quality as queries
from cases.services import known_cases, settling
from cases.services.review_settings import change_settings, current_settings
from cases.views.pages import ConsoleRequest, page


@require_safe
def quality(request: ConsoleRequest) -> HttpResponse:
    access.check_may_view_quality(request.user)
    return _quality_page(request)


@require_safe
def own_quality(request: ConsoleRequest) -> HttpResponse:
    access.check_may_review(request.user)
    form = PeriodForm(request.GET)
    period = form.period(today=now().date())
    summary = queries.own_quality_in(period, user=request.user)
    context = {"form": form, "period": period, "summary": summary, "tells_known": current_settings().tells_known}
    return page(request, "cases/own_quality.html", context, status=422 if form.errors else 200)


@require_POST
def settle(request: ConsoleRequest, check_id: int) -> HttpResponse:
    access.check_may_settle(request.user)
    get_object_or_404(Check, id=check_id)
    form = SettlementForm(request.POST)
    if not form.is_valid():
        return _quality_page(request, settlement=form, settling=check_id)
    try:
        check = settling.settle(check_id=check_id, actor=request.user, now=now(), **form.cleaned_data)
    except settling.OwnVerdictError:
        form.add_error(
            None, "One of the two verdicts is yours, or was said by a key you made: somebody else has to settle this."
        )
        return _quality_page(request, settlement=form, settling=check_id)
    except settling.SettledError:
        messages.info(request, "Somebody has settled this already. Nothing was changed.")
    else:
        messages.success(request, _settled_words(check))
    return redirect("quality")


@require_POST
def mark_known(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    access.check_may_mark_known(request.user)
    case = access.get_visible_case(request.user, case_id)
    form = KnownCaseForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(str(error) for error in errors))
        return redirect(case)
    try:
        known_cases.mark(case=case, actor=request.user, now=now(), **form.cleaned_data)
    except known_cases.NotDecidedError:
        messages.error(request, "Only a decided case can be a known one. Nothing was changed.")
    else:
        messages.success(request, "This is a known case now: reviewers who have not seen it are tried on it.")
    return redirect(case)


@require_POST
def unmark_known(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    access.check_may_mark_known(request.user)
    case = access.get_visible_case(request.user, case_id)
    known_cases.unmark(case=case, actor=request.user)
    messages.success(request, "This is no known case any more.")
    return redirect(case)


@require_http_methods(["GET", "HEAD", "POST"])
def review_settings(request: ConsoleRequest) -> HttpResponse:
    access.check_may_set_reviews(request.user)
    form = ReviewSettingsForm(request.POST or None, current=current_settings(), reviewers=queries.reviewers())
    if form.is_valid():
        change_settings(values=form.values(), displays=form.displays(), actor=request.user)
        messages.success(request, "Saved. It holds for claims and verdicts from now on.")
        return redirect("review_settings")
    return page(request, "cases/review_settings.html", {"form": form}, status=422 if form.errors else 200)


def _quality_page(
    request: ConsoleRequest, *, settlement: SettlementForm | None = None, settling: int | None = None
) -> HttpResponse:
    moment = now()
    form = PeriodForm(request.GET)
    period = form.period(today=moment.date())
    context = {
        "form": form,
        "period": period,
        "quality": queries.quality_in(period, now=moment),
        "verdicts": Case.Verdict.choices,
        "settlement": settlement or SettlementForm(),
        "settling": settling,
        "may_settle": access.may_settle(request.user),
        "may_set": access.may_set_reviews(request.user),
    }
    return page(request, "cases/quality.html", context, status=422 if form.errors or settlement else 200)


def _settled_words(check: Check) -> str:
    said = check.get_settled_as_display().lower()
    if check.settled_as == check.case.verdict:
        return f"Settled: {said}, as the case says."
    return f"Settled: {said}. The case still says {check.case.get_verdict_display().lower()}: reopen it to correct it."
