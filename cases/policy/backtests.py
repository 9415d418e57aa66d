"""Backtests: ask for one, watch it, call it off, read what it found."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from cases import access
from cases.policy import backtests_page, backtests_queries
from cases.policy.backtests_costs import review_cost_a_case
from cases.policy.backtests_forms import DEFAULT_DAYS, QUICK_DAYS, BacktestForm, first_values
from cases.queries.sight import sight_of, unsaid_payments
from cases.views.pages import ConsoleRequest, page
from scoring.models import Backtest, Policy
from scoring.services import backtests as service
from scoring.services.policy import NoPolicyError

_OPEN = (Backtest.Status.WAITING, Backtest.Status.RUNNING)


@require_http_methods(["GET", "HEAD", "POST"])
def backtests(request: ConsoleRequest) -> HttpResponse:
    """The newest ones, and the form for another; `?version=` and `?days=` fill it in."""
    _check_may_view(request)
    if request.method != "POST":
        return _list(request, BacktestForm(now=now(), initial=_first_values(request)))
    _check_may_run(request)
    form = BacktestForm(request.POST, now=now())
    if form.is_valid():
        try:
            asked = service.request_backtest(form.wanted(), by=request.user, at=now())
        except service.BacktestRefusedError as error:
            form.add_error(error.field, str(error))
        except NoPolicyError as error:
            form.add_error("policy", str(error))
        else:
            return redirect("policy_backtest", asked.id)
    return _list(request, form, status=422)


@require_safe
def backtest(request: ConsoleRequest, backtest_id: int) -> HttpResponse:
    """One: how far it is, or what it found."""
    _check_may_view(request)
    return _one(request, _found(backtest_id), "policy/backtest.html")


@require_safe
def backtest_state(request: ConsoleRequest, backtest_id: int) -> HttpResponseBase:
    """How far it is; once it is over, the page is loaded anew."""
    _check_may_view(request)
    found = _found(backtest_id)
    if found.status not in _OPEN:
        return HttpResponseClientRefresh() if request.htmx else redirect("policy_backtest", found.id)
    return _one(request, found, "policy/backtest.html#state")


@require_POST
def cancel(request: ConsoleRequest, backtest_id: int) -> HttpResponse:
    """Call one off."""
    _check_may_run(request)
    found = _found(backtest_id)
    try:
        service.cancel_backtest(found.id, by=request.user, at=now())
    except service.CallOffError:
        messages.info(request, "It was over already. Nothing was changed.")
    return redirect("policy_backtest", found.id)


def _check_may_view(request: ConsoleRequest) -> None:
    access.check_may_view(request.user)
    if not request.user.has_perm("scoring.view_backtest"):
        raise PermissionDenied("You may see cases; backtests are for leads, managers and auditors.")


def _check_may_run(request: ConsoleRequest) -> None:
    _check_may_view(request)
    if not request.user.has_perm("scoring.add_backtest"):
        raise PermissionDenied("You may read backtests; running and cancelling them is for managers.")


def _found(backtest_id: int) -> Backtest:
    # Beyond what a column holds there is none, and PostgreSQL would refuse the number.
    found = backtests_queries.whole_backtest(backtest_id) if backtest_id < 2**63 else None
    if found is None:
        raise Http404
    return found


def _first_values(request: ConsoleRequest) -> dict[str, object]:
    version, days = request.GET.get("version", ""), request.GET.get("days", "")
    wanted = int(version) if version.isdecimal() and len(version) < 9 else None
    chosen = Policy.objects.filter(version=wanted).first() if wanted is not None else None
    quick = int(days) if days in map(str, QUICK_DAYS) else DEFAULT_DAYS
    capacity = settings.REVIEWS_A_DAY or backtests_queries.last_capacity()
    return first_values(today=now().date(), days=quick, policy=chosen, capacity=capacity)


def _list(request: ConsoleRequest, form: BacktestForm, *, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "backtests": backtests_queries.latest_backtests(),
        "may_run": request.user.has_perm("scoring.add_backtest"),
        "quick_days": QUICK_DAYS,
        "days": request.GET.get("days", str(DEFAULT_DAYS)),
        "most": backtests_queries.SHOWN,
    }
    return page(request, "policy/backtests.html", context, status=status)


def _one(request: ConsoleRequest, found: Backtest, template: str) -> HttpResponse:
    context: dict[str, object] = {
        "backtest": found,
        "is_open": found.status in _OPEN,
        "may_cancel": found.status in _OPEN and request.user.has_perm("scoring.add_backtest"),
        "may_run": request.user.has_perm("scoring.add_backtest"),
        "ahead": backtests_queries.waiting_before(found) if found.status == Backtest.Status.WAITING else 0,
        "now": now(),
    }
    if found.result is not None:
        named, sight = backtests_page.decisions_named(found.result), sight_of(request.user)
        context["found"] = backtests_page.result_page(
            found,
            cases=backtests_queries.cases_of(named, desk=access.desk_for(request.user)),
            sight=sight,
            unsaid=set(unsaid_payments(sight)),
            review_cost=review_cost_a_case(today=now().date()),
        )
    return page(request, template, context)
