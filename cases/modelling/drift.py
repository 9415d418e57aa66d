"""Drift in the console: what moved since the training, alarms that somebody looks after, and retraining by itself."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from cases import access
from cases.modelling import drift_page
from cases.modelling.drift_queries import drift_facts
from cases.views.pages import ConsoleRequest, page
from scoring.models import DriftAlarm
from scoring.services import drift

# So many of the rows are shown at once; the others behind "All".
MOST_MOVED = 12


@require_safe
def models_drift(request: ConsoleRequest) -> HttpResponse:
    """The newest report of the champion, its days, alarms, history, and what retraining does next."""
    _check_may_view(request)
    facts = drift_facts(at=now())
    report = drift_page.shown(facts.report.figures) if facts.report else None
    context = {
        "facts": facts,
        "shown": report,
        "most_moved": report.rows[:MOST_MOVED] if report else [],
        "others": report.rows[MOST_MOVED:] if report else [],
        "charts": drift_page.day_charts(facts.days, report.scores_then if report else []),
        "picture": {"width": drift_page.WIDTH, "height": drift_page.HEIGHT},
        "may_measure": request.user.has_perm("scoring.add_driftreport"),
        "may_acknowledge": request.user.has_perm("scoring.change_driftalarm"),
        "may_set": request.user.is_staff and request.user.has_perm("scoring.change_retrainingsettings"),
    }
    return page(request, "modelling/drift.html", context)


@require_POST
def measure_drift(request: ConsoleRequest) -> HttpResponse:
    """Ask for a report; the task worker makes it."""
    _check_may_view(request)
    if not request.user.has_perm("scoring.add_driftreport"):
        raise PermissionDenied("You may read reports of drift; asking for one is for managers.")
    drift.ask_for_report(by=request.user, at=now())
    messages.success(request, "Drift is being measured. The first time takes up to some minutes; load this page again.")
    return redirect("models_drift")


@require_POST
def acknowledge_drift(request: ConsoleRequest, alarm_id: int) -> HttpResponse:
    """Say that somebody looks after an alarm."""
    _check_may_view(request)
    if not request.user.has_perm("scoring.change_driftalarm"):
        raise PermissionDenied("You may see alarms of drift; saying that you look after one is for managers.")
    try:
        # Beyond what a column holds there is none, and PostgreSQL would refuse the number.
        alarm = drift.acknowledge(alarm_id=min(alarm_id, 2**63 - 1), actor=request.user, now=now())
    except DriftAlarm.DoesNotExist as error:
        raise Http404("There is no such alarm.") from error
    except drift.ClosedAlarmError:
        messages.info(request, "Somebody looks after it already, or it is over. Nothing was changed.")
    else:
        messages.success(request, f"You look after “{alarm.code}” now. It closes when a report no longer finds it.")
    return redirect("models_drift")


def _check_may_view(request: ConsoleRequest) -> None:
    access.check_may_view(request.user)
    if not request.user.has_perm("scoring.view_driftreport"):
        raise PermissionDenied("You may see cases; how the model does is for leads, managers and auditors.")
