"""A case under blind review: the same pages and keys as any other, shown as it was and recorded apart."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cases import access, words
from cases import snooze as times
from cases.casework_forms import FileForm, SnoozeForm, TagForm
from cases.forms import NoteForm, SkipForm
from cases.models import Case, Check, Variant
from cases.queries import blind
from cases.queries import feed as feed_queries
from cases.queries.case_lists import case_lists
from cases.queries.sight import sight_of
from cases.queries.similar import Similar, similar_to
from cases.queue_forms import EscalateForm, MoveForm
from cases.services import checks, presence
from cases.services.review_settings import current_settings
from cases.verdict_form import ReasonForm, VerdictForm
from cases.views.pages import ConsoleRequest, go_on, page
from cases.views.queue import HANDED_OUT, open_next
from scoring.models import Decision

# The page goes by the case's own clock.
NO_LAG = timedelta(0)
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
        return gone(request)
    if not request.htmx:
        return redirect(check.case)
    context = {**_claim_context(check), "shows_score": check.variant != Variant.DATA_FIRST}
    return page(request, "cases/case_detail.html#claim", context)


@require_POST
def release(request: ConsoleRequest, check: Check) -> HttpResponse:
    checks.give_back(check)
    request.session.pop(HANDED_OUT, None)
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
def escalate(request: ConsoleRequest, check: Check) -> HttpResponse:
    """The review goes back: who cannot tell is taken at their word, and somebody else is asked."""
    target = check.case.queue.escalates_to if check.case.queue else None
    form = EscalateForm(request.POST)
    if target is None or not form.is_valid():
        where = check.case.queue.title if check.case.queue else "no queue"
        nobody = f"There is nobody to escalate to from {where}. A manager can name a queue in the admin."
        messages.error(request, " ".join(map(str, form.errors["note"])) if form.errors else nobody)
        kept = VerdictForm(initial={"note": request.POST.get("note", "")})
        return _case_page(request, check, form=kept, note_form=NoteForm(), status=422)
    checks.give_back(check)
    messages.info(request, f"{words.masked_card(check.case.card_id)}: escalated to {target.title}.")
    return open_next(request, besides=check.case)


@require_POST
def move(request: ConsoleRequest, check: Check) -> HttpResponse:
    """The review goes back: where a case belongs is not asked again."""
    access.check_may_move(request.user)
    form = MoveForm(request.POST, desk=access.desk_for(request.user))
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.errors["queue"])))
        return _case_page(request, check, form=VerdictForm(), note_form=NoteForm(), status=422)
    checks.give_back(check)
    messages.success(request, f"{words.masked_card(check.case.card_id)} is in {form.chosen} now.")
    return open_next(request, besides=check.case)


@require_http_methods(["GET", "HEAD", "POST"])
def snooze(request: ConsoleRequest, check: Check) -> HttpResponse:
    """The review goes back; the times to choose from are those of the case's own clock."""
    moment, case = blind.clock_of(check, now=now()), blind.undecided(check, now=now())
    may_pass_due = access.may_snooze_past_due(request.user)
    work = blind.no_work(case, now=moment, may_pass_due=may_pass_due)
    form = SnoozeForm(request.POST if request.method == "POST" else None, choices=work.choices)
    if form.is_valid():
        try:
            times.check_until(form.until_time(), now=moment, due_at=case.due_at, may_pass_due=may_pass_due)
        except times.SnoozeTimeError as refusal:
            form.add_error("until", str(refusal))
        else:
            checks.give_back(check)
            until = f"{form.until_time():%-d %b %H:%M} UTC"
            messages.info(request, f"{words.masked_card(case.card_id)}: snoozed until {until}.")
            return go_on(request, open_next(request, besides=check.case))
    return _tool(request, check, "snooze", {"snooze_form": form}, status=422 if form.errors else 200)


@require_POST
def verdict(request: ConsoleRequest, check: Check) -> HttpResponse:
    form = VerdictForm(request.POST)
    if not form.is_valid():
        return _case_page(request, check, form=form, note_form=NoteForm(), status=422)
    said = {name: form.cleaned_data[name] for name in ("verdict", "typology", "note")}
    try:
        checks.record(check, reviewer=request.user, **said, decided_at=now())
    except checks.NotHeldError:
        return gone(request)
    _tell(request, check, said["verdict"])
    return open_next(request)


@require_POST
def add_note(request: ConsoleRequest, check: Check) -> HttpResponse:
    form = NoteForm(request.POST)
    if form.is_valid():
        try:
            checks.add_note(check, author=request.user, text=form.cleaned_data["note"], now=now())
        except checks.NotHeldError:
            return gone(request)
        check.refresh_from_db(fields=["notes"])
    status = 422 if form.errors else 200
    if request.htmx:
        context = {"case": check.case, "notes": blind.own_notes(check, lag=NO_LAG), "note_form": form}
        return page(request, "cases/case_detail.html#notes", context, status=status)
    if form.errors:
        return _case_page(request, check, form=VerdictForm(), note_form=form, status=422)
    return redirect(check.case)


@require_safe
def case_history(request: ConsoleRequest, check: Check) -> HttpResponse:
    context = {"case": check.case, "history": blind.blind_history(check, lag=NO_LAG), "before": ""}
    template = "cases/_history.html#history" if request.htmx else "cases/history.html"
    return page(request, template, context)


@require_http_methods(["GET", "HEAD", "POST"])
def change_tags(request: ConsoleRequest, check: Check) -> HttpResponse:
    """A tag would be the case's, for all to see."""
    form = TagForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        form.add_error("tags", "Tags cannot be changed just now. Nothing was added: write it into the note.")
    return _tool(request, check, "tags", {"tag_form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def change_files(request: ConsoleRequest, check: Check) -> HttpResponse:
    """A file would be the case's, and those that are there came with what was said."""
    sent = request.method == "POST"
    error = "Files cannot be added just now. Nothing was kept." if sent else ""
    return _tool(request, check, "files", {"file_form": FileForm(), "error": error}, status=422 if sent else 200)


def refuse(request: ConsoleRequest, check: Check) -> HttpResponse:
    """Whatever else can be asked of a case could show what was said of it, or change it."""
    raise PermissionDenied("This cannot be done with this case just now. Decide it, or skip it.")


VIEWS: dict[str, Callable[[ConsoleRequest, Check], HttpResponse]] = {
    "case_detail": case_detail,
    "claim": claim,
    "look": claim,
    "release": release,
    "skip": skip,
    "escalate": escalate,
    "move": move,
    "snooze": snooze,
    "tags": change_tags,
    "files": change_files,
    "verdict": verdict,
    "case_history": case_history,
    "add_note": add_note,
}


def _case_page(
    request: ConsoleRequest, check: Check, *, form: VerdictForm, note_form: NoteForm | SkipForm, status: int = 200
) -> HttpResponse:
    moment = now()
    seq = feed_queries.newest_seq()
    desk = access.desk_for(request.user)
    shown = blind.blind_case(check, desk=desk, now=moment)
    context = {
        **_claim_context(check),
        "detail": shown.detail,
        "similar": _similar(request, check, shown),
        "panel": shown.panel,
        "shows_score": check.variant != Variant.DATA_FIRST,
        "notes": blind.own_notes(check, lag=NO_LAG),
        "work": blind.no_work(shown.case, now=shown.now, may_pass_due=access.may_snooze_past_due(request.user)),
        "max_mb": settings.ATTACHMENT_MAX_MB,
        **_lists_context(request, check, shown.detail.headline),
        "form": form,
        "note_form": note_form,
        "settle_form": ReasonForm(),
        "may_block": access.may_block(request.user),
        "may_approve": access.may_approve(request.user),
        "seq": seq,
        "move_form": MoveForm(desk=desk) if access.may_move(request.user) else None,
    }
    return page(request, "cases/case_detail.html", context, status=status)


def _similar(request: ConsoleRequest, check: Check, shown: blind.BlindCase) -> Similar | None:
    if check.variant == Variant.DATA_FIRST:
        return None
    desk, sight = access.desk_for(request.user), sight_of(request.user)
    return similar_to(shown.case, shown.detail.headline, desk=desk, sight=sight, as_of=check.as_of)


def _lists_context(request: ConsoleRequest, check: Check, headline: Decision) -> dict[str, object]:
    may_list = access.may_list(request.user)
    listed = case_lists(headline, sight=sight_of(request.user), now=now(), may_list=may_list)
    return {
        "listed": blind.lists_before(listed, check),
        "may_list": may_list,
        "list_form": None,
        "blocks_by_verdict": access.may_block(request.user),
    }


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


def _tool(request: ConsoleRequest, check: Check, tool: str, context: dict[str, Any], *, status: int) -> HttpResponse:
    """What can be added to a case, as the dialog's content or as a page: with nothing of others in it."""
    moment, case = blind.clock_of(check, now=now()), blind.undecided(check, now=now())
    shown = {
        "case": case,
        "title": tool.capitalize(),
        "part": f"cases/_{tool}.html",
        "work": blind.no_work(case, now=moment, may_pass_due=access.may_snooze_past_due(request.user)),
        "may_review": True,
        "max_mb": settings.ATTACHMENT_MAX_MB,
    }
    template = f"cases/_{tool}.html#tool" if request.htmx else "cases/casework.html"
    return page(request, template, {**shown, **context}, status=status)


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


def gone(request: ConsoleRequest) -> HttpResponse:
    """The lease ran out while the page was open, and somebody else is asked: without a word of the verdict."""
    messages.info(request, _GONE)
    return go_on(request, redirect("queue"))
