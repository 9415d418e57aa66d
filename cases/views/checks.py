"""A case under blind review: the same pages and keys as any other, shown as it was and recorded apart."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from cases import access, words
from cases.forms import NoteForm, SkipForm
from cases.models import Case, Check, Variant
from cases.queries import blind
from cases.queries import feed as feed_queries
from cases.services import checks, presence
from cases.services.review_settings import current_settings
from cases.verdict_form import ReasonForm, VerdictForm
from cases.views.pages import ConsoleRequest, page
from cases.views.queue import open_next

_GONE = "You left this case for a while and it went back to the queue. Nothing was recorded."


@require_safe
def case_detail(request: ConsoleRequest, check: Check) -> HttpResponse:
    presence.record_view(case=check.case, viewer=request.user, now=now())
    return _case_page(request, check, form=VerdictForm(), note_form=NoteForm())


@require_POST
def claim(request: ConsoleRequest, check: Check) -> HttpResponse:
    """The open page says twice a minute that it is open."""
    try:
        checks.renew(check, now=now())
    except checks.NotHeldError:
        return _gone(request)
    if not request.htmx:
        return redirect(check.case)
    context = {**_claim_context(check), "shows_score": check.variant != Variant.DATA_FIRST}
    return page(request, "cases/case_detail.html#claim", context)


@require_POST
def release(request: ConsoleRequest, check: Check) -> HttpResponse:
    checks.give_back(check)
    return redirect("queue")


@require_POST
def skip(request: ConsoleRequest, check: Check) -> HttpResponse:
    form = SkipForm(request.POST)
    if not form.is_valid():
        kept = VerdictForm(initial={"note": request.POST.get("note", "")})
        return _case_page(request, check, form=kept, note_form=form, status=422)
    checks.give_back(check)
    messages.info(request, f"{words.masked_card(check.case.card_id)}: skipped, back in the queue.")
    return open_next(request, besides=check.case)


@require_POST
def verdict(request: ConsoleRequest, check: Check) -> HttpResponse:
    form = VerdictForm(request.POST)
    if not form.is_valid():
        return _case_page(request, check, form=form, note_form=NoteForm(), status=422)
    said = {name: form.cleaned_data[name] for name in ("verdict", "typology", "note")}
    try:
        checks.record(check, **said, decided_at=now())
    except checks.NotHeldError:
        return _gone(request)
    _tell(request, check, said["verdict"])
    return open_next(request)


@require_POST
def add_note(request: ConsoleRequest, check: Check) -> HttpResponse:
    form = NoteForm(request.POST)
    if form.is_valid():
        try:
            checks.add_note(check, text=form.cleaned_data["note"])
        except checks.NotHeldError:
            return _gone(request)
        check.refresh_from_db(fields=["note"])
    status = 422 if form.errors else 200
    if request.htmx:
        context = {"case": check.case, "notes": blind.own_notes(check, now=now()), "note_form": form}
        return page(request, "cases/case_detail.html#notes", context, status=status)
    if form.errors:
        return _case_page(request, check, form=VerdictForm(), note_form=form, status=422)
    return redirect(check.case)


@require_safe
def case_history(request: ConsoleRequest, check: Check) -> HttpResponse:
    context = {"case": check.case, "history": blind.blind_history(check), "before": ""}
    template = "cases/_history.html#history" if request.htmx else "cases/history.html"
    return page(request, template, context)


def refuse(request: ConsoleRequest, check: Check) -> HttpResponse:
    """Whatever else can be asked of a case could show what was said of it, or change it."""
    raise PermissionDenied("This cannot be done with this case just now. Decide it, or skip it.")


VIEWS: dict[str, Callable[[ConsoleRequest, Check], HttpResponse]] = {
    "case_detail": case_detail,
    "claim": claim,
    "look": claim,
    "release": release,
    "skip": skip,
    "escalate": skip,
    "verdict": verdict,
    "case_history": case_history,
    "add_note": add_note,
}


def _case_page(
    request: ConsoleRequest, check: Check, *, form: VerdictForm, note_form: NoteForm | SkipForm, status: int = 200
) -> HttpResponse:
    moment = now()
    seq = feed_queries.newest_seq()
    shown = blind.blind_case(check, desk=access.desk_for(request.user), now=moment)
    context = {
        **_claim_context(check),
        "detail": shown.detail,
        "panel": shown.panel,
        "shows_score": check.variant != Variant.DATA_FIRST,
        "notes": blind.own_notes(check, now=moment),
        "work": blind.no_work(shown.case, now=shown.now),
        "max_mb": settings.ATTACHMENT_MAX_MB,
        "form": form,
        "note_form": note_form,
        "settle_form": ReasonForm(),
        "may_block": access.may_block(request.user),
        "may_approve": access.may_approve(request.user),
        "seq": seq,
    }
    return page(request, "cases/case_detail.html", context, status=status)


def _claim_context(check: Check) -> dict[str, object]:
    moment = now()
    return {
        "claims_itself": True,
        "case": blind.undecided(check, now=moment),
        "now": blind.clock_of(check, now=moment),
        "lookers": [],
        "may_review": True,
        "may_release": True,
    }


def _tell(request: ConsoleRequest, check: Check, said: str) -> None:
    """The words of any verdict; of a known case also what it was, when the desk tells that."""
    done = f"{words.masked_card(check.case.card_id)}: {Case.Verdict(said).label}. Case closed."
    if check.kind != Check.Kind.KNOWN or not current_settings().tells_known:
        messages.success(request, done)
        return
    truth = check.get_expected_display().lower()
    card = words.masked_card(check.case.card_id)
    if said == check.expected:
        messages.success(request, f"{card} was a known case, slipped in: {truth}, as you said. Nothing was labelled.")
    else:
        told = '{} was a known case, slipped in: it was {}. Nothing was labelled. <a href="{}">Look at it again</a>'
        messages.warning(request, format_html(told, card, truth, check.case.get_absolute_url()))


def _gone(request: ConsoleRequest) -> HttpResponse:
    messages.info(request, _GONE)
    return redirect("queue")
