"""Progress, workers and waiting labels to look at; dead letters to look at, send again and set aside."""

from contextlib import closing
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.timezone import now

from scoring.admin.readonly import ReadOnlyAdmin
from streams.connect import connect_publisher
from streams.dead_letters import (
    NotWaitingError,
    body_of,
    faults_of,
    in_words,
    letters_after,
    resend_letters,
    set_aside,
    text_of,
)
from streams.models import DeadLetter, StreamProgress, StreamWorker, WaitingLabel
from streams.source import StreamError

MAX_AT_ONCE = 500
BROKER_FAILED = "The broker failed: {}. What shows as being sent may have gone out; sending it again does no harm."


@admin.register(StreamProgress)
class StreamProgressAdmin(ReadOnlyAdmin):
    list_display = ("stream", "partition", "position", "owner", "lease_until", "finished_at", "epoch", "updated_at")
    ordering = ("stream", "partition")


@admin.register(StreamWorker)
class StreamWorkerAdmin(ReadOnlyAdmin):
    list_display = ("owner", "stream", "seen_at", "lag_records", "oldest_seconds")
    ordering = ("stream", "owner")


@admin.register(WaitingLabel)
class WaitingLabelAdmin(ReadOnlyAdmin):
    list_display = ("transaction_id", "since", "__str__")
    ordering = ("id",)
    exclude = ("body",)


class CorrectionForm(forms.Form):
    """The record, to be corrected or left as it is."""

    record = forms.CharField(strip=False, widget=forms.Textarea(attrs={"rows": 12, "cols": 100, "spellcheck": "false"}))

    def __init__(self, letter: DeadLetter, data: Any = None) -> None:
        super().__init__(data, initial={"record": text_of(letter.body)})
        self._letter = letter

    def clean_record(self) -> bytes | None:
        """The bytes to send, None for the letter's own."""
        body = body_of(self._letter, self.cleaned_data["record"])
        faults = faults_of(self._letter, body, at=now())
        if faults:
            raise forms.ValidationError(in_words(faults))
        return body


class SetAsideForm(forms.Form):
    """Why nothing is to be done."""

    reason = forms.CharField(max_length=500, widget=forms.TextInput(attrs={"size": 80}))


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "why", "state", "created_at")
    list_filter = ("stream", "state")
    search_fields = ("errors",)
    search_help_text = "Searches what was wrong, such as a field's name."
    ordering = ("-id",)
    actions = ("send_again",)

    @admin.display(description="what was wrong")
    def why(self, letter: DeadLetter) -> str:
        return "; ".join(in_words(letter.errors))

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("streams.resend_deadletter")

    @admin.action(description="Send again as they are", permissions=["resend"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[DeadLetter]) -> None:
        ids = list(chosen.order_by("id").values_list("id", flat=True)[: MAX_AT_ONCE + 1])
        if len(ids) > MAX_AT_ONCE:
            self.message_user(request, f"Choose at most {MAX_AT_ONCE} at a time.", messages.ERROR)
            return
        self._resend(request, dict.fromkeys(ids))

    def _resend(self, request: HttpRequest, bodies: dict[int, bytes | None]) -> None:
        try:
            with closing(connect_publisher()) as publisher:
                report = resend_letters(bodies, by=_person(request), at=now(), publisher=publisher)
        except StreamError as error:
            self.message_user(request, BROKER_FAILED.format(error), messages.ERROR)
            return
        for letter in DeadLetter.objects.filter(id__in=report.sent):
            self.log_change(request, letter, "Sent again.")
        if report.sent:
            self.message_user(request, f"Sent again: {len(report.sent)}.", messages.SUCCESS)
        if report.refused:
            (first, errors), *_ = report.refused.items()
            words = f"Not sent: {len(report.refused)}. Letter {first}: {'; '.join(in_words(errors))}"
            self.message_user(request, words, messages.WARNING)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One letter. Not the admin's own page, whose transaction would still be open while the record is sent."""
        letter = self.get_object(request, object_id)
        if letter is None:
            raise Http404
        if not self.has_view_permission(request, letter) or (
            request.method == "POST" and not self.has_resend_permission(request)
        ):
            raise PermissionDenied
        is_aside = "set_aside" in request.POST
        correction = CorrectionForm(letter, request.POST if request.method == "POST" and not is_aside else None)
        aside = SetAsideForm(request.POST if is_aside else None)
        if correction.is_bound and correction.is_valid():
            self._resend(request, {letter.id: correction.cleaned_data["record"]})
            return HttpResponseRedirect(request.path)
        if aside.is_bound and aside.is_valid():
            self._set_aside(request, letter, aside.cleaned_data["reason"])
            return HttpResponseRedirect(request.path)
        return self._page(request, letter, correction, aside)

    def _set_aside(self, request: HttpRequest, letter: DeadLetter, reason: str) -> None:
        try:
            set_aside([letter.id], reason=reason, by=_person(request), at=now())
        except NotWaitingError as error:
            self.message_user(request, f"Not set aside: {error}.", messages.ERROR)
            return
        self.log_change(request, letter, "Set aside.")
        self.message_user(request, "Set aside.", messages.SUCCESS)

    def _page(
        self, request: HttpRequest, letter: DeadLetter, correction: CorrectionForm, aside: SetAsideForm
    ) -> HttpResponse:
        history = [
            (event, text_of(event.body) if event.body is not None else "")
            for event in letter.events.select_related("actor").order_by("id")
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": f"Dead letter {letter}",
            "opts": self.opts,
            "letter": letter,
            "errors": in_words(letter.errors),
            "correction": correction,
            "aside": aside,
            "history": history,
            "later": letters_after(letter),
            "may_resend": self.has_resend_permission(request),
        }
        status = 422 if correction.errors or aside.errors else 200
        return render(request, "admin/streams/deadletter/change_form.html", context, status=status)


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the admin lets nobody else in
    return request.user
