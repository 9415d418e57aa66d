"""One case: look, claim, release, skip, note."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from cases import access, queue_forms, words
from cases.forms import NoteForm, SkipForm
from cases.list_forms import ListRemovalForm
from cases.models import Case, Verdict
from cases.queries import case_detail as case_queries
from cases.queries import casework, verdict_panel
from cases.queries import feed as feed_queries
from cases.queries import presence as presence_queries
from cases.queries.case_lists import case_lists
from cases.queries.quality import known_case_of
from cases.queries.sight import sight_of
from cases.queries.similar import Similar, similar_to
from cases.services import claims, notes, presence, verdicts
from cases.services.verdict_payments import UnknownRecentError
from cases.verdict_form import ReasonForm, VerdictForm, filled_in_before
from cases.views.pages import ConsoleRequest, page
from cases.views.queue import open_next
from scoring.models import Decision
from scoring.queries_ledger import ledger_of


@require_safe
def case_detail(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    case = access.get_visible_case(request.user, case_id)
    if case.merged_into is not None:
        return redirect(access.follow_merges(case))
    presence.record_view(case=case, viewer=request.user, now=now())
    return case_page(request, case)


@require_POST
def claim(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    """Take the case or renew the claim; the open page asks twice a minute."""
    case = access.get_reviewable_case(request.user, case_id)
    error, was_released = "", False
    presence.record_sign(case=case, viewer=request.user, now=now())
    try:
        claims.claim(case=case, analyst=request.user, now=now(), is_renewal="renew" in request.POST)
    except (claims.ClaimedByOtherError, claims.NotOpenError, claims.ReleasedError, claims.SnoozedError) as refusal:
        error, was_released = refusal_words(case, refusal), isinstance(refusal, claims.ReleasedError)
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
        return case_page(request, case, form=kept, note_form=form, status=422)
    try:
        claims.skip(case=case, analyst=request.user, reason=form.cleaned_data["note"], now=now())
    except (claims.ClaimedByOtherError, claims.NotOpenError, claims.SnoozedError) as refusal:
        messages.info(request, refusal_words(case, refusal))
        if form.cleaned_data["note"]:
            # The page stays for what was written on it.
            case = access.get_reviewable_case(request.user, case_id)
            kept = VerdictForm(initial={"note": form.cleaned_data["note"]})
            return case_page(request, case, form=kept, status=422)
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
        messages.error(request, refusal_words(case, refusal))
        return case_page(request, case, status=422)
    return redirect("queue")


@require_POST
def add_note(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    # What is written while the case is merged belongs where it went.
    case = access.where_it_went(access.get_reviewable_case, request.user, case_id)
    form = NoteForm(request.POST)
    if form.is_valid():
        notes.add_note(case=case, author=request.user, text=form.cleaned_data["note"], now=now())
    status = 422 if form.errors else 200
    if request.htmx:
        context = {"case": case, "notes": case_queries.notes_of(case), "note_form": form}
        return page(request, "cases/case_detail.html#notes", context, status=status)
    if form.errors:
        return case_page(request, case, note_form=form, status=422)
    return redirect(case)


def case_page(  # noqa: PLR0913 - what was filled in and refused, each by name
    request: ConsoleRequest,
    case: Case,
    *,
    form: VerdictForm | None = None,
    note_form: NoteForm | SkipForm | None = None,
    settle_form: ReasonForm | None = None,
    list_form: ListRemovalForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page of a case, or of the one it was merged into, with what was filled in and refused."""
    moment = now()
    if case.merged_into_id is not None:
        case = access.where_it_went(access.get_visible_case, request.user, case.id)
    # Read before the case, as in the queue.
    seq = feed_queries.newest_seq()
    detail = case_queries.case_detail(case, desk=access.desk_for(request.user))
    panel = verdict_panel.verdict_panel(case, detail.alerts, now=moment)
    context = {
        **_claim_context(request, case, moment, claims_itself=access.may_review(request.user)),
        "detail": detail,
        "said": ledger_of([alert.id for alert in detail.alerts], as_of=moment),
        "similar": _similar(request, case, detail.headline),
        "work": casework.work_on(case, user=request.user, now=moment),
        "max_mb": settings.ATTACHMENT_MAX_MB,
        "notes": detail.notes,
        "panel": panel,
        **_lists_context(request, detail.headline, moment, list_form),
        "blocks_by_verdict": _blocks_by_verdict(request, case),
        "form": form or _verdict_form(request, panel.last),
        "note_form": note_form or NoteForm(),
        "settle_form": settle_form or ReasonForm(),
        "may_block": access.may_block(request.user),
        "may_approve": access.may_approve(request.user),
        "seq": seq,
        "move_form": queue_forms.MoveForm(desk=access.desk_for(request.user)) if _may_move(request, case) else None,
        **_known_context(request, case),
    }
    return page(request, "cases/case_detail.html", context, status=status)


def _similar(request: ConsoleRequest, case: Case, headline: Decision) -> Similar | None:
    sight = sight_of(request.user)
    if sight.hides_score(case.id, case.status):
        return None
    return similar_to(case, headline, desk=access.desk_for(request.user), sight=sight)


def _blocks_by_verdict(request: ConsoleRequest, case: Case) -> bool:
    may = access.may_review(request.user) and access.may_block(request.user)
    return may and case.status == Case.Status.OPEN


def _lists_context(
    request: ConsoleRequest, headline: Decision, moment: datetime, form: ListRemovalForm | None
) -> dict[str, Any]:
    may_list = access.may_list(request.user)
    listed = case_lists(headline, sight=sight_of(request.user), now=moment, may_list=may_list)
    return {"listed": listed, "may_list": may_list, "list_form": form}


def _verdict_form(request: ConsoleRequest, last: Verdict | None) -> VerdictForm:
    """Empty; but filled in as before for who took the last verdict back, or whose was refused."""
    is_theirs = last is not None and last.analyst == request.user
    if last is not None and is_theirs and last.state in {Verdict.State.UNDONE, Verdict.State.REFUSED}:
        return VerdictForm(initial=filled_in_before(last))
    return VerdictForm()


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
        # A case that sleeps is claimed by nobody who only opens its page.
        "claims_itself": claims_itself and not case.is_snoozed(moment),
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


def _may_move(request: ConsoleRequest, case: Case) -> bool:
    return case.status == Case.Status.OPEN and access.may_review(request.user) and access.may_move(request.user)


def refusal_words(case: Case, refusal: Exception) -> str:
    """Tell the slower of two what happened; `case` is read again, for it has changed."""
    case = Case.objects.select_related("claimed_by", "decided_by").get(id=case.id)
    if isinstance(refusal, verdicts.CaseGrewError):
        seen = words.count(case.alert_count, "payment")
        return f"The case has grown to {seen} since you opened it. Nothing was recorded; please look again."
    if isinstance(refusal, UnknownRecentError):
        return (
            "One of the card's other payments you ticked is decided elsewhere now, or is older than 7 days."
            " Nothing was recorded; please look again."
        )
    if isinstance(refusal, claims.SnoozedError) and case.snoozed_until:
        return f"The case is snoozed until {case.snoozed_until:%-d %b %H:%M} UTC. Wake it first."
    return f"{_state_words(case)} Nothing was changed."


def _state_words(case: Case) -> str:
    if case.status == Case.Status.MERGED:
        return "An older case of the card was opened again and has taken this one in."
    if case.status == Case.Status.APPROVAL:
        return "A verdict has been said on this case and waits for approval."
    said = case.get_verdict_display().lower()
    if case.decided_by and case.decided_at:
        return f"{words.person(case.decided_by)} has already decided this case: {said}, {case.decided_at:%H:%M:%S} UTC."
    if case.decided_at:
        return f"The time was up: the case was decided by the clock, {said}."
    return f"{words.person(case.claimed_by)} is working on this case." if case.claimed_by else "The case has changed."
