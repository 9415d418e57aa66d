"""From a case: put somebody of its payments on a list, or let a rule be silent for them."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_POST

from cases import access
from cases.entity import Entity, UnknownEntityError, parse_entity
from cases.list_forms import ListEntryForm, RuleSnoozeForm
from cases.models import Case
from cases.queries.case_lists import is_of_case
from cases.views.case import case_page
from cases.views.pages import ConsoleRequest
from scoring.services import lists, rule_snoozes


@require_POST
def list_from_case(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    access.check_may_list(request.user)
    case = access.get_visible_case(request.user, case_id)
    named = _named_of(case, request)
    form = ListEntryForm(request.POST)
    if form.is_valid():
        try:
            entry = lists.add_list_entry(
                list_name=form.cleaned_data["list"],
                entity=named.kind,
                value=named.list_value,
                reason=form.cleaned_data["reason"],
                expires_at=form.expires_at(now()),
                author=request.user,
                source=f"case {case.id}",
            )
        except (lists.UnknownListError, lists.ListValueError) as error:
            form.add_error("list" if isinstance(error, lists.UnknownListError) else None, str(error))
        else:
            until = (
                f"until {entry.expires_at:%-d %b %Y %H:%M} UTC" if entry.expires_at else "until somebody takes it off"
            )
            messages.success(request, f"{named.title} {named.shown} is on the {entry.list_id} list {until}.")
            return redirect(access.follow_merges(case))
    return case_page(request, case, list_form=form, status=422)


@require_POST
def snooze_rule(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    access.check_may_list(request.user)
    case = access.get_visible_case(request.user, case_id)
    named = _named_of(case, request)
    form = RuleSnoozeForm(request.POST)
    if form.is_valid():
        try:
            entry = rule_snoozes.snooze_rule(
                code=form.cleaned_data["rule"],
                entity=named.kind,
                value=named.list_value,
                until=form.until(now()),
                reason=form.cleaned_data["reason"],
                author=request.user,
            )
        except (rule_snoozes.UnknownRuleError, lists.ListValueError) as error:
            form.add_error("rule", str(error))
        else:
            said = f"The rule {form.cleaned_data['rule']} is silent for {named.title_in_text} {named.shown}"
            messages.success(request, f"{said} until {entry.expires_at:%-d %b %Y %H:%M} UTC.")
            return redirect(access.follow_merges(case))
    return case_page(request, case, list_form=form, status=422)


def _named_of(case: Case, request: ConsoleRequest) -> Entity:
    """Whom the form names as `kind:name`. Raises: Http404: nobody of the case's payments."""
    kind, _, name = request.POST.get("who", "").partition(":")
    try:
        named = parse_entity(kind, name)
    except UnknownEntityError as error:
        raise Http404("No payment of the case is theirs.") from error
    if not is_of_case(case, named):
        raise Http404("No payment of the case is theirs.")
    return named
