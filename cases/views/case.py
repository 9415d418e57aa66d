"""One case: look, claim, release, skip, decide, note."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from cases import access, words
from cases.forms import NoteForm, SkipForm, VerdictForm
from cases.models import Case
from cases.queries import case_detail as case_queries
from cases.queries import feed as feed_queries
from cases.queries import presence as presence_queries
from cases.queries.quality import known_case_of
from cases.queries.sight import sight_of
from cases.services import claims, notes, presence, verdicts
from cases.views.pages import ConsoleRequest, page
from cases.views.queue import open_next


@require_safe
def case_detail(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    case = access.get_visible_case(request.user, case_id)
    presence.record_view(case=case, viewer=request.user, now=now())
    return _case_page(request, case, form=VerdictForm(), note_form=NoteForm())


@require_POST
def claim(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    """Take the case or renew the claim; the open page asks twice a minute."""
    case = access.get_reviewable_case(request.user, case_id)
    error, was_released = "", False
    presence.record_sign(case=case, viewer=request.user, now=now())
    try:
        claims.claim(case=case, analyst=request.user, now=now(), is_renewal="renew" in request.POST)
    except (claims.ClaimedByOtherError, claims.NotOpenError, claims.ReleasedError) as refusal:
        error, was_released = _refusal_words(case, refusal), isinstance(refusal, claims.ReleasedError)
    if request.htmx:
        return _claim_fragment(request, case_id, claims_itself=not was_released, status=422 if error else 200)
    if error:
        messages.error(request, error)
    return redirect(case)


@require_POST
def look(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    """Say that the page is open to somebody who only looks, and show who works on the case now."""
    case = access.get_visible_case(request.user, case_id)
    presence.record_sign(case=case, viewer=request.user, now=now())
    return _claim_fragment(request, case_id, claims_itself=False) if request.htmx else redirect(case)


@require_POST
def skip(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    """Give the case back and open the next one; what was written in the note is the reason."""
    case = access.get_reviewable_case(request.user, case_id)
    form = SkipForm(request.POST)
    if not form.is_valid():
        kept = VerdictForm(initial={"note": request.POST.get("note", "")})
        return _case_page(request, case, form=kept, note_form=form, status=422)
    try:
        claims.skip(case=case, analyst=request.user, reason=form.cleaned_data["note"], now=now())
    except (claims.ClaimedByOtherError, claims.NotOpenError) as refusal:
        messages.info(request, _refusal_words(case, refusal))
        if form.cleaned_data["note"]:
            # The page stays for what was written on it.
            case = access.get_reviewable_case(request.user, case_id)
            kept = VerdictForm(initial={"note": form.cleaned_data["note"]})
            return _case_page(request, case, form=kept, note_form=NoteForm(), status=422)
    else:
        messages.info(request, f"{words.masked_card(case.card_id)}: skipped, back in the queue.")
    return open_next(request, besides=case)


@require_POST
def release(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    case = access.get_reviewable_case(request.user, case_id)
    try:
        claims.release(
            case=case,
            actor=request.user,
            now=now(),
            may_release_others=access.may_release_others(request.user),
        )
    except claims.ClaimedByOtherError as refusal:
        messages.error(request, _refusal_words(case, refusal))
        return _case_page(request, case, form=VerdictForm(), note_form=NoteForm(), status=422)
    return redirect("queue")


@require_POST
def verdict(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    case = access.get_reviewable_case(request.user, case_id)
    form = VerdictForm(request.POST)
    if form.is_valid():
        try:
            labelled = verdicts.record(case=case, analyst=request.user, decided_at=now(), **form.cleaned_data)
        except (verdicts.AlreadyDecidedError, verdicts.CaseGrewError, claims.ClaimedByOtherError) as refusal:
            form.add_error(None, _refusal_words(case, refusal))
        else:
            messages.success(request, done_words(case, form.cleaned_data["verdict"], labelled))
            return open_next(request)
    case = access.get_reviewable_case(request.user, case_id)
    return _case_page(request, case, form=form, note_form=NoteForm(), status=422)


@require_POST
def add_note(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    case = access.get_reviewable_case(request.user, case_id)
    form = NoteForm(request.POST)
    if form.is_valid():
        notes.add_note(case=case, author=request.user, text=form.cleaned_data["note"], now=now())
    status = 422 if form.errors else 200
    if request.htmx:
        context = {"case": case, "notes": case_queries.notes_of(case), "note_form": form}
        return page(request, "cases/case_detail.html#notes", context, status=status)
    if form.errors:
        return _case_page(request, case, form=VerdictForm(), note_form=form, status=422)
    return redirect(case)


def _case_page(
    request: ConsoleRequest, case: Case, *, form: VerdictForm, note_form: NoteForm | SkipForm, status: int = 200
) -> HttpResponse:
    moment = now()
    # Read before the case, as in the queue.
    seq = feed_queries.newest_seq()
    detail = case_queries.case_detail(case, now=moment)
    context = {
        **_claim_context(request, case, moment, claims_itself=access.may_review(request.user)),
        "detail": detail,
        "notes": detail.notes,
        "form": form,
        "note_form": note_form,
        "seq": seq,
        **_known_context(request, case),
    }
    return page(request, "cases/case_detail.html", context, status=status)


def _known_context(request: ConsoleRequest, case: Case) -> dict[str, Any]:
    """For who marks known cases, on a decided one."""
    if case.status != Case.Status.DECIDED or not access.may_mark_known(request.user):
        return {}
    return {"may_mark_known": True, "known": known_case_of(case)}


def _claim_fragment(request: ConsoleRequest, case_id: UUID, *, claims_itself: bool, status: int = 200) -> HttpResponse:
    case = access.get_visible_case(request.user, case_id)
    context = _claim_context(request, case, now(), claims_itself=claims_itself)
    return page(request, "cases/case_detail.html#claim", context, status=status)


def _claim_context(request: ConsoleRequest, case: Case, moment: datetime, *, claims_itself: bool) -> dict[str, Any]:
    """What the claim's part of the page needs; `claims_itself`: it takes a free case without being asked."""
    return {
        "claims_itself": claims_itself,
        "case": case,
        "now": moment,
        "lookers": presence_queries.lookers_at(case, besides=request.user, now=moment),
        "may_review": access.may_review(request.user),
        "may_release": _may_release(request, case),
        "shows_score": not sight_of(request.user).hides_score(case.id, case.status),
    }


def _may_release(request: ConsoleRequest, case: Case) -> bool:
    return access.may_review(request.user) and (
        case.claimed_by == request.user or access.may_release_others(request.user)
    )


def _refusal_words(case: Case, refusal: Exception) -> str:
    """Tell the slower of two what happened; `case` is read again, for it has changed."""
    case = Case.objects.select_related("claimed_by", "decided_by").get(id=case.id)
    if isinstance(refusal, verdicts.CaseGrewError):
        seen = words.count(case.alert_count, "payment")
        return f"The case has grown to {seen} since you opened it. Nothing was recorded; please look again."
    if case.decided_by and case.decided_at:
        who, said = words.person(case.decided_by), case.get_verdict_display().lower()
        at = f"{case.decided_at:%H:%M:%S} UTC"
        return f"{who} has already decided this case: {said}, {at}. Nothing was changed."
    if case.claimed_by:
        return f"{words.person(case.claimed_by)} is working on this case. Nothing was changed."
    return "The case has changed meanwhile. Nothing was recorded; please look again."


def done_words(case: Case, verdict: str, labelled: int) -> str:
    said = Case.Verdict(verdict).label
    effect = f"{words.count(labelled, 'payment')} labelled" if labelled else "nothing labelled"
    return f"{words.masked_card(case.card_id)}: {said}, {effect}. Case closed."
