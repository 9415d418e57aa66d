"""One card, customer, merchant, device or address: look, put on a list, take off."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from cases import access, list_effects
from cases.entity import Entity, UnknownEntityError, parse_entity
from cases.list_forms import ListEntryForm, ListRemovalForm
from cases.queries import entities, entity_counts
from cases.queries.case_lists import choosable_lists
from cases.queries.sight import sight_of, unsaid_payments
from cases.views.pages import ConsoleRequest, page
from scoring.models.lists import ALLOW, BLOCK, GIVEN_LISTS
from scoring.queries_lists import effects_in_force
from scoring.services import lists


@require_safe
def entity(request: ConsoleRequest, kind: str, name: str) -> HttpResponse:
    access.check_may_view(request.user)
    return _entity_page(request, kind, name)


@require_POST
def add_to_list(request: ConsoleRequest) -> HttpResponse:
    access.check_may_list(request.user)
    kind, name = request.POST.get("entity", ""), request.POST.get("value", "")
    form = ListEntryForm(request.POST)
    if not form.is_valid():
        return _entity_page(request, kind, name, form=form)
    try:
        listed = parse_entity(kind, name)
    except UnknownEntityError:
        return _unknown_page(request, kind, name)
    try:
        entry = lists.add_list_entry(
            list_name=form.cleaned_data["list"],
            entity=listed.kind,
            value=listed.name,
            reason=form.cleaned_data["reason"],
            expires_at=form.expires_at(now()),
            author=request.user,
        )
    except (lists.UnknownListError, lists.ListValueError) as error:
        form.add_error("list" if isinstance(error, lists.UnknownListError) else None, str(error))
        return _entity_page(request, kind, name, form=form)
    until = f"until {entry.expires_at:%-d %b %Y %H:%M} UTC" if entry.expires_at else "until somebody takes it off"
    messages.success(request, f"{listed.title} {listed.shown} is on the {entry.list_id} list {until}.")
    return redirect("entity", kind=listed.kind, name=listed.name)


@require_POST
def remove_from_list(request: ConsoleRequest, entry_id: int) -> HttpResponse:
    access.check_may_list(request.user)
    kind, name = request.POST.get("entity", ""), request.POST.get("value", "")
    form = ListRemovalForm(request.POST)
    if not form.is_valid():
        return _entity_page(request, kind, name, removal_form=form, removing=entry_id)
    try:
        entry = lists.remove_list_entry(entry_id=entry_id, reason=form.cleaned_data["reason"], author=request.user)
    except lists.NotListedError:
        messages.error(request, "Somebody has taken it off the list already. Nothing was changed.")
        return _entity_page(request, kind, name, status=422)
    taken_off = Entity(entry.entity, entry.value)
    if entry.snoozed_rule:
        messages.success(request, f"The rule {entry.snoozed_rule} speaks again for {taken_off.shown}.")
    else:
        title = taken_off.title or entry.get_entity_display().capitalize()
        messages.success(request, f"{title} {taken_off.shown} is off the {entry.list_id} list.")
    # A network or a prefix has no page: back to that of whoever met it.
    try:
        back = parse_entity(kind, name)
    except UnknownEntityError:
        back = taken_off
    return redirect("entity", kind=back.kind, name=back.name)


def _entity_page(
    request: ConsoleRequest,
    kind: str,
    name: str,
    *,
    form: ListEntryForm | None = None,
    removal_form: ListRemovalForm | None = None,
    removing: int | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page, with what was filled in and refused; 404 for a name that nothing carries."""
    moment = now()
    sight = sight_of(request.user)
    try:
        detail = entities.entity_detail(
            parse_entity(kind, name), now=moment, desk=access.desk_for(request.user), unsaid=unsaid_payments(sight)
        )
    except UnknownEntityError:
        return _unknown_page(request, kind, name)
    sight.mask_payments(detail.payments)
    sight.mask_cases(detail.cases)
    entries, changes = sight.leave_out_told(detail.entries), sight.leave_out_told(detail.changes)
    detail = replace(detail, entries=entries, changes=changes)
    context = {
        "detail": detail,
        "sight": sight,
        "entity": detail.entity,
        "form": form or ListEntryForm(),
        "removal_form": removal_form,
        "removing": removing,
        "max_counted": entity_counts.MAX_COUNTED,
        "may_list": access.may_list(request.user),
        "now": moment,
        **(_lists_context(detail.entity) if access.may_list(request.user) else {}),
    }
    return page(request, "cases/entity.html", context, status=422 if form or removal_form else status)


def _lists_context(named: Entity) -> dict[str, Any]:
    """What to put it on, and what that does."""
    effects, of = effects_in_force(), f"of this {named.title_in_text}"
    return {
        "lists": [one for one in choosable_lists() if one.name not in GIVEN_LISTS],
        "block_does": list_effects.does(BLOCK, effects, of=of),
        "allow_does": list_effects.does(ALLOW, effects, of=of),
    }


def _unknown_page(request: ConsoleRequest, kind: str, name: str) -> HttpResponse:
    return page(request, "cases/entity_unknown.html", {"unknown": Entity(kind, name)}, status=404)
