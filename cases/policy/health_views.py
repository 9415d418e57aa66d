"""The health of rules: all of them, one through its versions, and alarms that somebody looks after."""

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from cases import access
from cases.models import RuleAlarm
from cases.policy import health_queries, health_rule
from cases.policy.health_table import STATES, WINDOWS, RulesForm, in_order
from cases.policy.in_force import list_of
from cases.queries.sight import sight_of
from cases.services import rule_alarms
from cases.views.dashboard import costs_of_desk, label_maturity
from cases.views.pages import ConsoleRequest, page

# A row has twenty figures and costs a millisecond to render.
ROWS = 50


@require_safe
def policy_rules(request: ConsoleRequest) -> HttpResponse:
    _check_may_see(request.user)
    form = RulesForm(request.GET)
    status = 200 if form.is_valid() else 422
    found = health_queries.rules_page(
        days=form.chosen_days,
        currency=form.chosen("currency"),
        costs=costs_of_desk(),
        maturity=label_maturity(),
        now=now(),
    )
    sort = form.chosen("sort") or "alarms"
    context = {
        "form": form,
        "found": found,
        "rows": Paginator(in_order([row for row in found.rows if form.fits(row)], sort), ROWS).get_page(
            request.GET.get("page")
        ),
        "sort": sort,
        "state": form.chosen("state"),
        "states": STATES,
        "tag": form.chosen("tag"),
        "owner": form.chosen("owner"),
        "tags": sorted({tag for row in found.rows for tag in row.tags}),
        "owners": sorted({row.owner_name for row in found.rows} - {""}),
        "days": form.chosen_days,
        "windows": WINDOWS,
        "costs": costs_of_desk(),
        "maturity": label_maturity(),
        "may_acknowledge": _may_acknowledge(request.user),
    }
    return page(request, "policy/rules.html", context, status=status)


@require_safe
def policy_rule(request: ConsoleRequest, code: str) -> HttpResponse:
    _check_may_see(request.user)
    try:
        found = health_rule.rule_page(
            code, desk=access.desk_for(request.user), sight=sight_of(request.user), maturity=label_maturity(), now=now()
        )
    except health_rule.UnknownRuleError as error:
        raise Http404("No version that was in force has such a rule.") from error
    context = {"found": found, "code": code, "maturity": label_maturity()}
    return page(request, "policy/rule.html", context | {"may_acknowledge": _may_acknowledge(request.user)})


@require_POST
def acknowledge_alarm(request: ConsoleRequest, alarm_id: int) -> HttpResponse:
    """Answers with the table of rules, or with the rule where the form stood on its page (`on` = rule)."""
    _check_may_see(request.user)
    if not _may_acknowledge(request.user):
        raise PermissionDenied("You may see alarms of rules; saying that you look after one is for who changes rules.")
    try:
        alarm = rule_alarms.acknowledge(alarm_id=alarm_id, actor=request.user, now=now())
    except RuleAlarm.DoesNotExist as error:
        raise Http404("There is no such alarm.") from error
    except rule_alarms.ClosedAlarmError:
        messages.info(request, "Somebody looks after it already, or it is over. Nothing was changed.")
        return redirect("policy_rules")
    messages.success(request, f"You look after {alarm.code} now. The alarm closes by itself when it is over.")
    is_of_page = request.POST.get("on") == "rule" and not list_of(alarm.code)
    return redirect("policy_rule", alarm.code) if is_of_page else redirect("policy_rules")


def _check_may_see(user: User) -> None:
    access.check_may_view(user)
    if not user.has_perm("scoring.view_policy"):
        raise PermissionDenied("You may see cases; rules and how they do are for managers and auditors.")


def _may_acknowledge(user: User) -> bool:
    return user.has_perm("scoring.change_policy")
