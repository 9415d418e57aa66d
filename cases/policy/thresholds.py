"""The threshold page: what each threshold would have cost and caught, and a draft with those proposed."""

from decimal import Decimal

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from cases.policy.threshold_figures import Asked, Figures, threshold_figures
from cases.policy.threshold_form import PRESETS, DraftForm, ThresholdForm
from cases.policy.threshold_inputs import Prices
from cases.policy.threshold_page import make_page
from cases.views.pages import ConsoleRequest, page
from scoring.services.policy import NoPolicyError, StalePolicyError
from scoring.services.policy_checks import ContentError
from scoring.services.threshold_drafts import draft_with_thresholds

# A review whose length nobody has measured yet.
_USUAL_REVIEW_SECONDS = 180.0
_HOUR_SECONDS = 3600


@require_safe
def thresholds(request: ConsoleRequest) -> HttpResponse:
    _check(request.user, "scoring.view_policy", "Thresholds are for leads, managers and auditors.")
    form = ThresholdForm(request.GET, now=now())
    status = 200 if form.is_valid() else 422
    figures = threshold_figures(_asked(form))
    prices = _prices(form, figures)
    shown = make_page(figures, prices=prices, chosen=form.given("band")) if figures.days and figures.live else None
    context = {
        "form": form,
        "found": figures,
        "page": shown,
        "prices": prices,
        "presets": PRESETS,
        "may_draft": request.user.has_perm("scoring.add_policy"),
    }
    return page(request, "policy/thresholds.html", context, status=status)


@require_POST
def draft_thresholds(request: ConsoleRequest) -> HttpResponse:
    _check(request.user, "scoring.add_policy", "You may look at thresholds; drafting a policy is for managers.")
    form = DraftForm(request.POST)
    if not form.is_valid():
        for name, errors in form.errors.items():
            messages.error(request, f"Nothing was drafted. {name}: {' '.join(map(str, errors))}")
        return redirect("policy_thresholds")
    try:
        policy = draft_with_thresholds(**form.draft(), by=request.user, at=now())
    except (ContentError, NoPolicyError, StalePolicyError) as error:
        messages.error(request, f"Nothing was drafted. {error}")
        return redirect("policy_thresholds")
    messages.success(request, f"Policy {policy.version} is a draft now: the live one with these thresholds.")
    return redirect("policy_version", policy.version)


def _check(user: User, permission: str, said: str) -> None:
    if not user.has_perm(permission):
        raise PermissionDenied(said)


def _asked(form: ThresholdForm) -> Asked:
    return Asked(
        span=form.span(),
        mature_days=form.given("mature") or settings.DASHBOARD_MATURE_DAYS,
        currency=form.chosen("currency"),
        main_currency=settings.DASHBOARD_CURRENCY,
        model=form.chosen("model"),
        bands=form.chosen("bands"),
    )


def _prices(form: ThresholdForm, figures: Figures) -> Prices:
    """What was given comes first; the settings' costs hold for their own currency only."""
    review, false_decline, capacity = (form.given(name) for name in ("review", "false_decline", "capacity"))
    if figures.currency == settings.DASHBOARD_CURRENCY:
        review = _review_cost(figures) if review is None else review
        false_decline = settings.FALSE_POSITIVE_COST if false_decline is None else false_decline
    return Prices(review, false_decline, settings.REVIEWS_A_DAY or None if capacity is None else capacity)


def _review_cost(figures: Figures) -> Decimal:
    if settings.REVIEW_COST_A_CASE:
        return Decimal(settings.REVIEW_COST_A_CASE)
    seconds = _USUAL_REVIEW_SECONDS if figures.review_seconds is None else figures.review_seconds
    return round(settings.REVIEW_COST_AN_HOUR * Decimal(seconds) / _HOUR_SECONDS, 2)
