"""What is added to a case: snooze and wake, tags, files. Each has its own page, and is a dialog of the case's page."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from cases import access, words
from cases import snooze as times
from cases.casework_forms import FileForm, SnoozeForm, TagForm
from cases.files import FileRefusedError
from cases.models import Case
from cases.queries import casework
from cases.services import attachments, claims, snoozes, verdicts
from cases.services import tags as tag_service
from cases.views.case import refusal_words
from cases.views.pages import ConsoleRequest, go_on, page
from cases.views.queue import open_next

_NOT_NOW = (claims.ClaimedByOtherError, claims.NotOpenError, claims.SnoozedError, verdicts.CaseGrewError)
_TITLES = {"snooze": "Snooze", "tags": "Tags", "files": "Files"}


@require_http_methods(["GET", "HEAD", "POST"])
def snooze(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    """Let the case sleep, and go on to the next one."""
    case = access.get_reviewable_case(request.user, case_id)
    moment, may_pass_due = now(), access.may_snooze_past_due(request.user)
    choices = times.choices(now=moment, due_at=case.due_at, may_pass_due=may_pass_due)
    form = SnoozeForm(request.POST if request.method == "POST" else None, choices=choices)
    if form.is_valid():
        until, given = form.until_time(), form.cleaned_data
        try:
            snoozes.snooze(
                case=case,
                analyst=request.user,
                until=until,
                reason=given["reason"],
                now=moment,
                may_pass_due=may_pass_due,
                seen_alerts=given["seen_alerts"],
            )
        except times.SnoozeTimeError as refusal:
            form.add_error("until", str(refusal))
        except _NOT_NOW as refusal:
            form.add_error(None, refusal_words(case, refusal))
        else:
            said = f"{words.masked_card(case.card_id)}: snoozed until {until:%-d %b %H:%M} UTC."
            messages.info(request, said)
            return go_on(request, open_next(request, besides=case))
    return _tool(request, case, "snooze", {"snooze_form": form}, form=form)


@require_POST
def wake(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    case = access.get_reviewable_case(request.user, case_id)
    if not snoozes.wake(case=case, actor=request.user, now=now()):
        messages.info(request, "The case was awake already.")
    return redirect(case)


@require_http_methods(["GET", "HEAD", "POST"])
def tags(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    case = access.where_it_went(access.get_reviewable_case, request.user, case_id)
    form = TagForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            tag_service.add_tags(case=case, names=form.cleaned_data["tags"], author=request.user, now=now())
        except tag_service.TooManyTagsError:
            form.add_error("tags", f"A case has {tag_service.MAX_TAGS} tags at most. Take one off first.")
        else:
            return _done(request, case, "tags", {"tag_form": TagForm()})
    return _tool(request, case, "tags", {"tag_form": form}, form=form)


@require_POST
def remove_tag(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    case = access.where_it_went(access.get_reviewable_case, request.user, case_id)
    tag_service.remove_tag(case=case, name=request.POST.get("name", ""), actor=request.user, now=now())
    return _done(request, case, "tags", {"tag_form": TagForm()})


@require_safe
def suggested_tags(request: ConsoleRequest) -> HttpResponse:
    access.check_may_review(request.user)
    return render(request, "cases/_suggested.html", {"suggested": casework.suggested_tags()})


@require_http_methods(["GET", "HEAD", "POST"])
def files(request: ConsoleRequest, case_id: UUID) -> HttpResponse:
    """The files of the case, and taking one more."""
    if request.method != "POST":
        case = access.where_it_went(access.get_visible_case, request.user, case_id)
        return _tool(request, case, "files", {"file_form": FileForm()})
    case = access.where_it_went(access.get_reviewable_case, request.user, case_id)
    form = FileForm(request.POST, request.FILES, sent_bytes=_sent_bytes(request))
    if form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            attachments.attach(case=case, name=upload.name, data=upload.read(), author=request.user, now=now())
        except FileRefusedError as refusal:
            form.add_error("file", str(refusal))
        else:
            return _done(request, case, "files", {"file_form": FileForm()})
    return _tool(request, case, "files", {"file_form": form}, form=form)


@require_GET
def download_file(request: ConsoleRequest, case_id: UUID, file_id: UUID) -> HttpResponse:
    """Hand out the bytes so that no browser takes them for a page of ours."""
    case = access.where_it_went(access.get_visible_case, request.user, case_id)
    try:
        download = attachments.download(case=case, attachment_id=file_id, actor=request.user, now=now())
    except attachments.NotThereError as error:
        raise Http404("There is no such file; it may have been removed.") from error
    response = HttpResponse(download.data, content_type=download.content_type)
    disposition = content_disposition_header(as_attachment=True, filename=download.name)
    response.headers["Content-Disposition"] = disposition or "attachment"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    return response


@require_POST
def remove_file(request: ConsoleRequest, case_id: UUID, file_id: UUID) -> HttpResponse:
    case = access.where_it_went(access.get_reviewable_case, request.user, case_id)
    error = ""
    try:
        attachments.remove(
            case=case,
            attachment_id=file_id,
            actor=request.user,
            now=now(),
            may_remove_others=access.may_remove_files_of_others(request.user),
        )
    except attachments.NotYoursError:
        error = "Somebody else put this file here: they or a lead can remove it."
    except attachments.NotThereError:
        error = "The file has been removed already."
    if error:
        return _tool(request, case, "files", {"file_form": FileForm(), "error": error}, status=422)
    return _done(request, case, "files", {"file_form": FileForm()})


def _sent_bytes(request: ConsoleRequest) -> int:
    length: str = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0


def _done(request: ConsoleRequest, case: Case, tool: str, context: dict[str, Any]) -> HttpResponse:
    """The dialog goes on with what there is now; a plain form returns to the case."""
    if not request.htmx:
        return redirect(case)
    return _tool(request, case, tool, {**context, "is_changed": True})


def _tool(
    request: ConsoleRequest,
    case: Case,
    tool: str,
    context: dict[str, Any],
    *,
    form: SnoozeForm | TagForm | FileForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """One of the three, as the dialog's content or as a page."""
    shown = {
        "case": case,
        "title": _TITLES[tool],
        "part": f"cases/_{tool}.html",
        "work": casework.work_on(case, user=request.user, now=now()),
        "may_review": access.may_review(request.user),
        "max_mb": settings.ATTACHMENT_MAX_MB,
        **context,
    }
    if form is not None and form.errors:
        status = 422
    if request.htmx:
        return page(request, f"cases/_{tool}.html#tool", shown, status=status)
    if tool == "tags":
        shown["suggested"] = casework.suggested_tags()
    return page(request, "cases/casework.html", shown, status=status)
