"""The verdict: say it, take it back, approve or refuse it, open the case again."""

from contextlib import suppress
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from cases import access, words
from cases import undo as undo_offers
from cases.models import Case, Verdict
from cases.queries import approvals as approval_queries
from cases.queries.sight import sight_of
from cases.services import approvals as approval_services
from cases.services import claims, reopening, verdicts
from cases.services.verdict_payments import UnknownPaymentError
from cases.verdict_form import ReasonForm, RefusalForm, VerdictForm
from cases.views.case import case_page, refusal_words
from cases.views.pages import ConsoleRequest, page
from cases.views.queue import open_next

_REFUSALS = (
    verdicts.AlreadyDecidedError,
    verdicts.CaseGrewError,
    claims.ClaimedByOtherError,
    UnknownPaymentError,
)


@require_POST
def verdict(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    """Decide the case and open the next one, with the offer to undo it."""
    case = access.get_reviewable_case(request.user, case_id)
    form = VerdictForm(request.POST)
    if form.is_valid():
        filled_in = form.cleaned_data
        if not access.may_block(request.user):
            filled_in |= {"block_days": None, "allow_device": "", "block_device": "", "block_ip": ""}
        try:
            said = verdicts.record(case=case, analyst=request.user, decided_at=now(), **filled_in)
        except _REFUSALS as refusal:
            form.add_error(None, refusal_words(case, refusal))
        else:
            undo_offers.offer(request.session, [said], _said_words(case, said))
            return open_next(request)
    case = access.get_reviewable_case(request.user, case_id)
    return case_page(request, case, form=form, status=422)


@require_POST
def undo(request: ConsoleRequest) -> HttpResponse:
    """Take back the verdicts that are named, and go to the case; to the queue when they are several."""
    access.check_may_review(request.user)
    ids = [int(value) for value in request.POST.getlist("verdict") if value.isascii() and value.isdigit()]
    visible = Verdict.objects.filter(access.desk_for(request.user).visible("case__queue")).select_related("case")
    named = visible.filter(id__in=[number for number in ids if number < 2**63])
    opened = [case for case in (_take_back(request, one) for one in named) if case is not None]
    undo_offers.withdraw_offer(request.session)
    if opened:
        _give_back(request, {case.id for case in opened})
    if len(ids) == 1 and named:
        shown = opened[0] if opened else named[0].case
        return redirect(shown if access.desk_for(request.user).sees(shown.queue_id) else "queue")
    return redirect("queue")


def _give_back(request: ConsoleRequest, kept: set[UUID]) -> None:
    """Release the case that the verdict led to: nobody else could have it while its analyst is back at the first."""
    with suppress(ValueError, claims.ClaimedByOtherError, Case.DoesNotExist):
        leaving = Case.objects.get(id=UUID(request.POST.get("leaving", "")))
        if leaving.id not in kept and leaving.claimed_by == request.user:
            claims.release(case=leaving, actor=request.user, now=now())


def _take_back(request: ConsoleRequest, said: Verdict) -> Case | None:
    card = words.masked_card(said.case.card_id)
    try:
        case = reopening.undo(verdict=said, analyst=request.user, now=now())
    except reopening.TooLateError:
        messages.warning(request, f"{card}: too late, the verdict has taken effect. You can open the case again.")
        return None
    except reopening.NotTheirsError:
        messages.warning(request, f"{card}: only who said the verdict can take it back. Nothing was changed.")
        return None
    went = (
        "" if access.desk_for(request.user).sees(case.queue_id) else " The card's older case has it, in another queue."
    )
    messages.info(request, f"{card}: {said.get_verdict_display().lower()} taken back. Nothing has left.{went}")
    return case


@require_safe
def approvals(request: ConsoleRequest) -> HttpResponse:
    access.check_may_approve(request.user)
    waiting = approval_queries.verdicts_to_approve(access.desk_for(request.user))
    context = {"waiting": waiting, "now": now(), "sight": sight_of(request.user)}
    return page(request, "cases/approvals.html", context)


@require_POST
def approve(request: ConsoleRequest, case_id: UUID, verdict_id: int) -> HttpResponse:
    """Let the verdict of another take effect."""
    access.check_may_approve(request.user)
    case = access.get_visible_case(request.user, case_id)
    said = access.get_verdict(case, verdict_id)
    try:
        approval_services.approve(verdict=said, approver=request.user, now=now())
    except (approval_services.OwnVerdictError, approval_services.NothingToApproveError) as refusal:
        return _not_settled(request, case, refusal)
    done = f"{words.masked_card(case.card_id)}: {said.get_verdict_display().lower()} approved and in effect."
    messages.success(request, done)
    return redirect("approvals")


@require_POST
def refuse(request: ConsoleRequest, case_id: UUID, verdict_id: int) -> HttpResponse:
    """Open the case of another's verdict again, with the reason."""
    access.check_may_approve(request.user)
    case = access.get_visible_case(request.user, case_id)
    said = access.get_verdict(case, verdict_id)
    form = RefusalForm(request.POST)
    if not form.is_valid():
        return case_page(request, case, settle_form=form, status=422)
    try:
        approval_services.refuse(verdict=said, approver=request.user, now=now(), **form.cleaned_data)
    except (approval_services.OwnVerdictError, approval_services.NothingToApproveError) as refusal:
        return _not_settled(request, case, refusal)
    goes_to = f"back to {words.person(said.analyst)}" if form.cleaned_data["hands_back"] else "back in the queue"
    messages.info(request, f"{words.masked_card(case.card_id)}: refused, {goes_to}.")
    return redirect("approvals")


def _not_settled(request: ConsoleRequest, case: Case, refusal: Exception) -> HttpResponse:
    if isinstance(refusal, approval_services.SamePersonError):
        messages.error(request, str(refusal))
    elif isinstance(refusal, approval_services.OwnVerdictError):
        messages.error(request, "You said this verdict yourself: a second person has to approve it.")
    else:
        messages.error(request, "The verdict waits for approval no more. Nothing was changed.")
    return case_page(request, access.get_visible_case(request.user, case.id), status=422)


@require_POST
def reopen(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    case = access.get_reviewable_case(request.user, case_id)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return case_page(request, case, settle_form=form, status=422)
    try:
        reopening.reopen(case=case, actor=request.user, reason=form.cleaned_data["reason"], now=now())
    except reopening.HasOpenCaseError as refusal:
        messages.info(request, "The card has an open case, this one: go on here. Nothing was changed.")
        return redirect(refusal.case)
    except reopening.NotDecidedError:
        messages.error(request, "The case is open already, or its verdict can still be undone. Nothing was changed.")
    return redirect(access.follow_merges(case))


def _said_words(case: Case, said: Verdict) -> str:
    after = "Waits for a second person." if said.needs_approval else "Case closed."
    return f"{words.masked_card(case.card_id)}: {said.get_verdict_display()}. {after}"
