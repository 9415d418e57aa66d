"""Lists from and into CSV files, in the admin."""

from collections.abc import AsyncIterator
from datetime import timedelta
from io import TextIOWrapper
from typing import Any

from asgiref.sync import sync_to_async
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.files.uploadhandler import StopUpload, TemporaryFileUploadHandler
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.timezone import now
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from scoring.models import ListImport, NamedList
from scoring.models.lists import Entity
from scoring.queries_lists import exported_entries
from scoring.rules.list_files import EXPORTED, MAX_REASON, Given, UnreadableListError, written
from scoring.services.list_imports import FileRefusedError, Imported, Order, import_file

_MAX_DAYS = 3650


class BoundedFileHandler(TemporaryFileUploadHandler):
    """Takes one file to disk, up to `LIST_IMPORT_MAX_MB`."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._left = settings.LIST_IMPORT_MAX_MB * 1_000_000
        self.is_too_large = False

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._left -= len(raw_data)
        if self._left < 0:
            self.is_too_large = True
            raise StopUpload(connection_reset=False)
        super().receive_data_chunk(raw_data, start)


class ImportForm(forms.Form):
    """A file, what becomes of the list, and what holds for lines that do not say it."""

    file = forms.FileField(label="CSV file", error_messages={"required": "Choose a file."})
    mode = forms.ChoiceField(label="The list", choices=ListImport.Mode.choices, widget=forms.RadioSelect, initial="add")
    entity = forms.ChoiceField(
        label="Entity", required=False, choices=[("", "as the column entity says"), *Entity.choices]
    )
    reason = forms.CharField(label="Reason", required=False, max_length=MAX_REASON)
    days = forms.IntegerField(label="End after days", required=False, min_value=1, max_value=_MAX_DAYS)
    skips_bad_lines = forms.BooleanField(label="Skip wrong lines", required=False)

    def given(self) -> Given:
        days = self.cleaned_data["days"]
        return Given(
            entity=self.cleaned_data["entity"],
            reason=self.cleaned_data["reason"],
            expires_at=now() + timedelta(days=days) if days else None,
        )


class ListFiles(admin.ModelAdmin):
    """The pages of a list's files."""

    def get_urls(self) -> list[Any]:
        own = [
            path("<path:object_id>/import/", self.admin_site.admin_view(self._import), name="scoring_namedlist_import"),
            path("<path:object_id>/export/", self.admin_site.admin_view(self.export_view),
                 name="scoring_namedlist_export"),
        ]  # fmt: skip
        return [*own, *super().get_urls()]

    @property
    def _import(self) -> Any:
        """The page, which chooses where its upload goes before the body is read: also before the token in it is."""

        protected = csrf_protect(self.import_view)

        @csrf_exempt
        def receive(request: HttpRequest, object_id: str) -> HttpResponse:
            named = self._list(request, object_id, "scoring.add_listentry", "scoring.delete_listentry")
            handler = BoundedFileHandler(request)
            request.upload_handlers = [handler]
            return protected(request, named, handler)

        return receive

    def import_view(self, request: HttpRequest, named: NamedList, handler: BoundedFileHandler) -> HttpResponse:
        """Ask for a file; check or take it, and name its wrong lines."""
        is_sent = request.method == "POST"
        form = ImportForm(request.POST, request.FILES) if is_sent else ImportForm()
        context: dict[str, Any] = {"form": form, "named": named, "is_trial": "check" in request.POST}
        if handler.is_too_large:
            # What stood behind the file was not read: it is not missing.
            form.errors.clear()
            form.add_error("file", f"The file is larger than {settings.LIST_IMPORT_MAX_MB} MB. Split it.")
        elif form.is_valid():
            try:
                done = self._take(request, named, form)
            except FileRefusedError as refusal:
                form.add_error(None, str(refusal))
                context |= {"faults": refusal.faults, "left_out": refusal.total - len(refusal.faults)}
            except UnreadableListError as refusal:
                form.add_error("file", str(refusal))
            else:
                if not context["is_trial"]:
                    return self._taken(request, named, form, done)
                context |= {"foreseen": done, "faults": done.faults, "left_out": done.skipped - len(done.faults)}
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": f"Import into {named.name}"}
        page = "admin/scoring/namedlist/import.html"
        return render(request, page, shared | context, status=422 if form.errors else 200)

    def _take(self, request: HttpRequest, named: NamedList, form: ImportForm) -> Imported:
        assert isinstance(request.user, User)  # the admin lets nobody else in
        upload = form.cleaned_data["file"]
        order = Order(
            list_name=named.name,
            mode=form.cleaned_data["mode"],
            file_name=upload.name,
            given=form.given(),
            skips_bad_lines=form.cleaned_data["skips_bad_lines"],
            is_trial="check" in request.POST,
        )
        text = TextIOWrapper(upload.file, encoding="utf-8", newline="")
        try:
            return import_file(text, order, author=request.user, at=now())
        finally:
            text.detach()  # the request closes its file itself

    def _taken(self, request: HttpRequest, named: NamedList, form: ImportForm, done: Imported) -> HttpResponse:
        words = f"{form.cleaned_data['file'].name}: {in_words(done)}"
        self.log_change(request, named, f"Imported {words}")
        messages.success(request, words)
        return HttpResponseRedirect(reverse("admin:scoring_namedlist_change", args=[named.pk]))

    def export_view(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        """What stands on the list, as a file that can be imported."""
        named = self._list(request, object_id, "scoring.view_listentry")
        self.log_change(request, named, "Exported.")
        headers = {
            "Content-Disposition": f'attachment; filename="{named.name.replace(":", "-")}-{now():%Y-%m-%d}.csv"',
            "Cache-Control": "no-store",
        }
        lines = export_lines(named.name)
        return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)

    def _list(self, request: HttpRequest, object_id: str, *permissions: str) -> NamedList:
        if not self.has_view_permission(request) or not request.user.has_perms(permissions):
            raise PermissionDenied
        named: NamedList | None = self.get_object(request, unquote(object_id))
        if named is None:
            raise Http404
        return named


def in_words(done: Imported) -> str:
    """What a file did."""
    words = f"{done.lines:,} lines, {done.put_on:,} put on or changed, {done.taken_off:,} taken off"
    return f"{words}, {done.skipped:,} wrong lines skipped." if done.skipped else f"{words}."


async def export_lines(list_name: str) -> AsyncIterator[str]:
    """Piece by piece, each by a short query of its own: a slow reader holds no transaction and no connection."""
    yield written([EXPORTED])
    last: int | None = 0
    while last is not None:
        rows, last = await sync_to_async(exported_entries)(list_name, after=last, at=now())
        yield written(rows)
