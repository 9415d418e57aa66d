"""The random audit: how many approved payments are drawn, since when, and what was found."""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods

from cases import access
from cases.audit_form import AuditForm
from cases.queries.audit import audit_state, audited_in
from cases.services.audit import set_audit
from cases.views.pages import ConsoleRequest, page

_SHOWN = timedelta(days=30)


@require_http_methods(["GET", "HEAD", "POST"])
def audit(request: ConsoleRequest) -> HttpResponse:
    access.check_may_view_quality(request.user)
    if request.method == "POST":
        access.check_may_set_reviews(request.user)
    moment = now()
    state = audit_state(now=moment)
    form = AuditForm(request.POST or None, current=state.current)
    if form.is_valid():
        set_audit(actor=request.user, now=moment, **form.cleaned_data)
        messages.success(request, "Saved. It holds for payments that are approved from now on.")
        return redirect("audit")
    context = {
        "form": form,
        "state": state,
        "found": audited_in(moment - _SHOWN, moment, currency=settings.DASHBOARD_CURRENCY),
        "currency": settings.DASHBOARD_CURRENCY,
        "days": _SHOWN.days,
        "may_set": access.may_set_reviews(request.user),
    }
    return page(request, "cases/audit.html", context, status=422 if form.errors else 200)
