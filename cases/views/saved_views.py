"""Filters of the queue under a name: keep, change, delete, open with."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from cases import access
from cases.board import FilterForm
from cases.forms import ViewForm
from cases.models import SavedView
from cases.services import saved_views
from cases.views.pages import ConsoleRequest
from cases.views.queue import queue_page

_REFUSALS = {
    saved_views.NameTakenError: "You have a view of this name. Take another name, or delete that view first.",
    saved_views.TooManyViewsError: (
        f"There is no room for one more: {saved_views.MAX_OWN} views of your own, {saved_views.MAX_SHARED} that the"
        " desk shares. Delete one first."
    ),
    saved_views.NotYoursError: "This view is another person's: only its owner may change it.",
}


@require_POST
def add_view(request: ConsoleRequest) -> HttpResponse:
    """Keep the filter that stands in the form's `address`."""
    access.check_may_view(request.user)
    address = QueryDict(request.POST.get("address", ""))
    asked, form = FilterForm(address), ViewForm(request.POST)
    if not asked.is_valid():
        return queue_page(request, address)
    if form.is_valid():
        try:
            view = saved_views.save(owner=request.user, filters=asked.values(), **_given(request, form))
        except tuple(_REFUSALS) as refusal:
            form.add_error("name", _REFUSALS[type(refusal)])
        else:
            messages.success(request, f"View “{view.name}” saved.")
            return _to(view)
    return queue_page(request, address, view_form=form)


@require_POST
def change_view(request: ConsoleRequest, view_id: int) -> HttpResponse:
    view = access.get_saved_view(request.user, view_id)
    form = ViewForm(request.POST)
    if form.is_valid():
        given = _given(request, form, was_shared=view.is_shared)
        del given["is_default"]
        try:
            saved_views.change(view, actor=request.user, may_share=access.may_share_views(request.user), **given)
        except tuple(_REFUSALS) as refusal:
            form.add_error("name", _REFUSALS[type(refusal)])
        except SavedView.DoesNotExist as error:
            raise Http404("There is no such view.") from error
        else:
            messages.success(request, f"View “{given['name']}” changed.")
            return _to(view)
    return queue_page(request, QueryDict(f"saved={view.id}"), view_form=form)


@require_POST
def delete_view(request: ConsoleRequest, view_id: int) -> HttpResponse:
    view = access.get_saved_view(request.user, view_id)
    try:
        saved_views.delete(view, actor=request.user, may_share=access.may_share_views(request.user))
    except saved_views.NotYoursError as refusal:
        messages.error(request, _REFUSALS[type(refusal)])
        return _to(view)
    messages.success(request, f"View “{view.name}” deleted.")
    return redirect(f"{reverse('queue')}?view=all")


@require_POST
def choose_default(request: ConsoleRequest, view_id: int) -> HttpResponse:
    """Open the person's queue with the view; with `off` with all cases again."""
    view = access.get_saved_view(request.user, view_id)
    saved_views.set_default(None if "off" in request.POST else view, user=request.user)
    with_what = "all open cases" if "off" in request.POST else f"“{view.name}”"
    messages.success(request, f"Your queue opens with {with_what}.")
    return _to(view)


def _given(request: ConsoleRequest, form: ViewForm, *, was_shared: bool = False) -> dict[str, Any]:
    """What the form gives; who may not share leaves that as it was."""
    may_share = access.may_share_views(request.user)
    return {**form.cleaned_data, "is_shared": form.cleaned_data["is_shared"] if may_share else was_shared}


def _to(view: SavedView) -> HttpResponse:
    return redirect(f"{reverse('queue')}?{urlencode({'saved': view.id})}")
