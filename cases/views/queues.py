"""Handing a case on: escalating it, moving it to another queue."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_POST

from cases import access, words
from cases.models import Case
from cases.queue_forms import EscalateForm, MoveForm
from cases.services import claims, escalations, queues
from cases.verdict_form import VerdictForm
from cases.views.case import case_page, refusal_words
from cases.views.pages import ConsoleRequest
from cases.views.queue import open_next


@require_POST
def escalate(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    """Hand the case on to the queue its own escalates to, and open the next one; the note is the reason."""
    case = access.get_reviewable_case(request.user, case_id)
    form = EscalateForm(request.POST)
    if not form.is_valid():
        return _refused(request, case, " ".join(map(str, form.errors["note"])))
    reason = form.cleaned_data["note"]
    try:
        queue = escalations.escalate(case=case, analyst=request.user, reason=reason, now=now())
    except (claims.ClaimedByOtherError, claims.NotOpenError, claims.SnoozedError) as refusal:
        return _refused(request, case, refusal_words(case, refusal))
    except escalations.NobodyToEscalateToError:
        where = case.queue.title if case.queue else "no queue"
        said = f"There is nobody to escalate to from {where}. A manager can name a queue in the admin."
        return _refused(request, case, said)
    except escalations.MovedMeanwhileError:
        return _refused(request, case, "The case was moved to another queue meanwhile. Nothing was changed.")
    messages.info(request, f"{words.masked_card(case.card_id)}: escalated to {queue.title}.")
    return open_next(request, besides=case)


@require_POST
def move(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    """Put the case into a queue that a lead chose."""
    access.check_may_move(request.user)
    case = access.get_reviewable_case(request.user, case_id)
    form = MoveForm(request.POST, desk=access.desk_for(request.user))
    if not form.is_valid():
        return _refused(request, case, " ".join(map(str, form.errors["queue"])))
    try:
        queues.move_case(case=case, queue=form.chosen, actor=request.user, now=now())
    except (claims.ClaimedByOtherError, claims.NotOpenError, claims.SnoozedError) as refusal:
        return _refused(request, case, refusal_words(case, refusal))
    except queues.QueueClosedError:
        return _refused(request, case, f"{form.chosen} was disabled meanwhile. Nothing was changed.")
    messages.success(request, f"{words.masked_card(case.card_id)} is in {form.chosen} now.")
    return redirect(case)


def _refused(request: ConsoleRequest, case: Case, said: str) -> HttpResponse:
    """The page again, with what was written on it."""
    messages.error(request, said)
    case = access.get_reviewable_case(request.user, case.id)
    kept = VerdictForm(initial={"note": request.POST.get("note", "")})
    return case_page(request, case, form=kept, status=422)
