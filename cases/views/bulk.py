"""One verdict on many cases: what it would do, in words, and doing it."""

from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from cases import access, undo, words
from cases.forms import BulkForm, SelectionForm
from cases.models import Case, Verdict
from cases.queries.bulk import selection_of
from cases.queries.sight import sight_of
from cases.services import bulk, verdicts
from cases.views.pages import ConsoleRequest, page


@require_safe
def selected(request: ConsoleRequest) -> HttpResponse:
    """Show what one verdict on the chosen cases would do; nothing is changed."""
    access.check_may_review(request.user)
    form = SelectionForm(request.GET)
    chosen = form.cleaned_data["case"] if form.is_valid() else {}
    cases = access.get_reviewable_cases(request.user, chosen)
    return _bulk_page(request, cases, form=BulkForm(), problems=_errors(form), status=422 if form.errors else 200)


@require_POST
def decide_selected(request: ConsoleRequest) -> HttpResponse:
    access.check_may_review(request.user)
    form = BulkForm(request.POST)
    if not form.is_valid():
        chosen = form.cleaned_data.get("case", {})
        cases = access.get_reviewable_cases(request.user, chosen)
        return _bulk_page(request, cases, form=form, problems=_errors(form), status=422)
    given = dict(form.cleaned_data)
    chosen = given.pop("case")
    cases = access.get_reviewable_cases(request.user, chosen)
    result = bulk.decide_all(
        [(case, chosen[case.id]) for case in cases], analyst=request.user, decided_at=now(), **given
    )
    if result.said:
        undo.offer(request.session, result.said, _said_words(result.said))
    if not result.passed_over:
        return redirect(_back(request.POST))
    left = access.get_reviewable_cases(request.user, [each.case.id for each in result.passed_over])
    refusals = {each.case.id: each.refusal for each in result.passed_over}
    problems = [_passed_words(case, refusals[case.id]) for case in left]
    return _bulk_page(request, left, form=form, problems=problems, status=422)


def _bulk_page(
    request: ConsoleRequest, cases: list[Case], *, form: BulkForm, problems: list[str], status: int
) -> HttpResponse:
    sight = sight_of(request.user)
    context: dict[str, Any] = {
        "selection": selection_of(cases, sight=sight),
        "sight": sight,
        "form": form,
        "problems": problems,
        "now": now(),
        "back": _back(request.GET or request.POST),
        "back_address": (request.GET or request.POST).get("back", ""),
    }
    return page(request, "cases/bulk.html", context, status=status)


def _back(given: QueryDict) -> str:
    """The queue as it was; whatever was sent is an address of the queue only."""
    address = QueryDict(given.get("back", "").removeprefix("?")).urlencode()
    return reverse("queue") + (f"?{address}" if address else "")


def _errors(form: SelectionForm | BulkForm) -> list[str]:
    titles = {"verdict": "Verdict: ", "note": "Note: ", "typology": "Kind of fraud: "}
    return [titles.get(name, "") + str(error) for name, errors in form.errors.items() for error in errors]


def _said_words(said: list[Verdict]) -> str:
    waiting = sum(one.needs_approval for one in said)
    words_of = f"{words.count(len(said), 'case')}: {said[0].get_verdict_display().lower()}."
    return f"{words_of} {words.count(waiting, 'case')} of them wait for a second person." if waiting else words_of


def _passed_words(case: Case, refusal: Exception) -> str:
    """Why the verdict passed the case over; `case` was read after it."""
    name = words.masked_card(case.card_id)
    if isinstance(refusal, verdicts.CaseGrewError):
        return f"{name} was passed over: it has grown to {words.count(case.alert_count, 'payment')}. Look again."
    if case.decided_by:
        said = case.get_verdict_display().lower()
        return f"{name} was passed over: {words.person(case.decided_by)} has decided it, {said}."
    if case.claimed_by:
        return f"{name} was passed over: {words.person(case.claimed_by)} is working on it."
    return f"{name} was passed over: it has changed meanwhile. Look again."
