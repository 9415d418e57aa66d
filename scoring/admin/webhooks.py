"""Webhooks: endpoints with their secrets, which are shown once, and what was delivered to them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Count, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import now

from scoring.admin.readonly import ReadOnlyAdmin
from scoring.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookSecret
from scoring.services.webhook_endpoints import (
    OVERLAP,
    change_endpoint,
    create_endpoint,
    disable_endpoint,
    enable_endpoint,
    rotate_secret,
)
from scoring.services.webhooks import EndpointDisabledError, redeliver, send_test
from scoring.webhooks.addresses import RefusedUrlError, check_url

# Of one endpoint, from the index of what waits: what was delivered stays for ever and is never looked at.
_WAITING = (
    WebhookDelivery.objects.filter(endpoint=OuterRef("pk"), state=WebhookDelivery.State.WAITING)
    .order_by()
    .values("endpoint")
    .annotate(count=Count("id"))
    .values("count")
)
TEMPLATE = "admin/scoring/webhookendpoint/issued.html"


class _ReadOnlyInline(admin.TabularInline):
    """Rows to look at."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class WebhookSecretInline(_ReadOnlyInline):
    """How each secret begins, never more."""

    model = WebhookSecret
    fields = ("prefix", "created_at", "ends_at")
    ordering = ("-id",)


class WebhookEndpointForm(forms.ModelForm):
    """An endpoint; its URL is checked as it is typed in, its secret is made for you."""

    class Meta:
        model = WebhookEndpoint
        fields = ("name", "url", "description")
        widgets = {"url": forms.TextInput(attrs={"size": 80, "placeholder": "https://payments.example/fraud"})}

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            check_url(url, settings.WEBHOOK_ALLOWED_NETWORKS)
        except RefusedUrlError as error:
            raise forms.ValidationError(str(error)) from error
        return url


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(admin.ModelAdmin):
    form = WebhookEndpointForm
    inlines = (WebhookSecretInline,)
    list_display = ("name", "url", "is_active", "disabled_reason", "waiting", "active_since", "created_by")
    list_filter = ("is_active",)
    list_select_related = ("created_by",)
    ordering = ("name",)
    actions = ("send_test_message", "rotate", "rotate_at_once", "switch_off", "switch_on")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        endpoints: QuerySet[WebhookEndpoint] = super().get_queryset(request)
        return endpoints.annotate(waiting=Coalesce(Subquery(_WAITING), 0))

    @admin.display(description="messages waiting")
    def waiting(self, endpoint: Any) -> int:
        return int(endpoint.waiting)

    def get_fields(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> Any:
        typed = ["name", "url", "description"]
        return [*typed, *self.get_readonly_fields(request, obj)] if obj else typed

    def get_readonly_fields(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> Any:
        return ["is_active", "disabled_reason", "active_since", "created_by", "created_at"] if obj else []

    def get_inlines(self, request: HttpRequest, obj: WebhookEndpoint | None) -> Any:
        return self.inlines if obj else ()

    def save_model(self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: bool) -> None:
        if change:
            change_endpoint(obj, **form.cleaned_data)
            return
        made, secret = create_endpoint(**form.cleaned_data, author=_person(request), now=now())
        obj.pk = made.pk
        # The answer to this very request shows it; it must not get into session or cookie.
        request.issued_secret = secret  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: WebhookEndpoint, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._show_secret(request, obj, request.issued_secret)  # type: ignore[attr-defined]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        # Adding leads to the secret, and nowhere else.
        buttons = {} if kwargs.get("change") else {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context | buttons, *args, **kwargs)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        if add or "url" not in form.changed_data:
            return super().construct_change_message(request, form, formsets, add)
        return f"Changed {', '.join(form.changed_data)}: from {form.initial['url']} to {form.cleaned_data['url']}."

    @admin.action(description="Send a test message", permissions=["change"])
    def send_test_message(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> None:
        for endpoint in chosen:
            try:
                send_test(endpoint, now=now())
            except EndpointDisabledError as error:
                self.message_user(request, f"Not sent: {error}. Switch it on first.", messages.ERROR)
                continue
            self.log_change(request, endpoint, "Sent a test message.")
            words = f"A test message to {endpoint} is on its way: see Webhook deliveries."
            self.message_user(request, words, messages.SUCCESS)

    @admin.action(description="Give a new secret; the former one signs for 24 more hours", permissions=["change"])
    def rotate(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> HttpResponse | None:
        return self._rotate(request, chosen, OVERLAP, "Gave a new secret; the former one ends in 24 hours.")

    @admin.action(description="Give a new secret; the former one ends now", permissions=["change"])
    def rotate_at_once(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> HttpResponse | None:
        return self._rotate(request, chosen, timedelta(0), "Gave a new secret; the former one ended at once.")

    def _rotate(
        self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint], overlap: timedelta, words: str
    ) -> HttpResponse | None:
        if chosen.count() != 1:
            words = "Choose one endpoint: each secret is given to its receiver by itself."
            self.message_user(request, words, messages.ERROR)
            return None
        endpoint = chosen.get()
        secret = rotate_secret(endpoint, overlap=overlap, now=now())
        self.log_change(request, endpoint, words)
        return self._show_secret(request, endpoint, secret)

    def _show_secret(self, request: HttpRequest, endpoint: WebhookEndpoint, secret: str) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": f"The secret of {endpoint}"}
        return render(request, TEMPLATE, shared | {"secret": secret, "row": endpoint})

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> None:
        reason = f"Switched off by {_person(request).get_username()}"
        self._switch(request, chosen, lambda endpoint: disable_endpoint(endpoint, reason=reason), "Switched off")

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> None:
        self._switch(request, chosen, lambda endpoint: enable_endpoint(endpoint, now=now()), "Switched on")

    def _switch(
        self,
        request: HttpRequest,
        chosen: QuerySet[WebhookEndpoint],
        switch: Callable[[WebhookEndpoint], bool],
        words: str,
    ) -> None:
        changed = [endpoint for endpoint in chosen if switch(endpoint)]
        for endpoint in changed:
            self.log_change(request, endpoint, f"{words}.")
        self.message_user(request, f"{words}: {', '.join(map(str, changed)) or 'none, they were'}.", messages.SUCCESS)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # What was sent there stays on record; switch it off instead.
        return False


class WebhookAttemptInline(_ReadOnlyInline):
    """Each try, and how the answer began."""

    model = WebhookAttempt
    fields = ("started_at", "status", "error", "duration_ms", "answer")
    ordering = ("id",)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    inlines = (WebhookAttemptInline,)
    list_display = (
        "created_at",
        "endpoint",
        "payment",
        "state",
        "attempts",
        "next_attempt_at",
        "delivered_at",
        "message_id",
    )
    list_filter = ("state", "endpoint", "created_at")
    list_select_related = ("endpoint", "decision")
    search_fields = ("message_id__exact", "decision__transaction_id__exact")
    search_help_text = "Searches a message's id or a transaction's."
    ordering = ("-id",)
    actions = ("deliver_again",)

    @admin.display(description="transaction")
    def payment(self, delivery: WebhookDelivery) -> str:
        return delivery.decision.transaction_id if delivery.decision else "a test"

    def has_redeliver_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("scoring.redeliver_webhookdelivery")

    @admin.action(description="Deliver again", permissions=["redeliver"])
    def deliver_again(self, request: HttpRequest, chosen: QuerySet[WebhookDelivery]) -> None:
        """With the same id, at once and for another 24 hours."""
        sent = 0
        for delivery in chosen.select_related("endpoint"):
            try:
                is_taken = redeliver(delivery, now=now())
            except EndpointDisabledError as error:
                self.message_user(request, f"Not delivered again: {error}. Switch it on first.", messages.ERROR)
                break
            if is_taken:
                self.log_change(request, delivery, "Delivered again.")
                sent += 1
        self.message_user(request, f"Will be delivered again: {sent}, of {len(chosen)} chosen.", messages.SUCCESS)


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the admin lets nobody else in
    return request.user
