"""API keys: made, shown once, rotated, revoked."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.timezone import now

from scoring.admin.key_list import ScopeFilter, StateFilter, state_in_words
from scoring.models import ApiKey
from scoring.services.key_rights import WHOM, MayNotActForError, people_for
from scoring.services.keys import OVERLAP, SCOPES, KeyEndedError, digest, issue_key, revoke_key, rotate_key

GIVEN = ("name", "scopes", "user", "rate_limit", "expires_at")
SHOWN = (
    "name", "prefix", "scopes_in_words", "user", "rate_limit", "state", "expires_at", "last_used_at", "rotated_from",
    "followed_by", "created_at", "created_by", "revoked_at", "revoked_by",
)  # fmt: skip
TEMPLATES = "admin/scoring/apikey"


class ApiKeyForm(forms.ModelForm):
    """What a key may do and for how long; the key itself is made for you."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES], widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = ApiKey
        fields = GIVEN
        labels = {"user": "Acts for", "rate_limit": "Calls a second"}
        help_texts = {
            "user": f"Whose doing it is what the key does; needed with the scope cases. {WHOM.capitalize()}.",
            "rate_limit": "A payment of a batch counts as a call. Empty: the limit of the settings.",
            "expires_at": "Empty: it does not expire.",
        }

    def clean_rate_limit(self) -> int | None:
        limit: int | None = self.cleaned_data["rate_limit"]
        if limit == 0:
            raise forms.ValidationError("At least 1 call a second.")
        return limit

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if ApiKey.Scope.CASES in cleaned.get("scopes", []) and not cleaned.get("user") and "user" not in self.errors:
            self.add_error("user", "A key with the scope cases acts for a person: choose one.")
        expires_at = cleaned.get("expires_at")
        if expires_at is not None and expires_at <= now():
            self.add_error("expires_at", "This is in the past.")
        return cleaned


class RotateForm(forms.Form):
    """How long the old key still works."""

    days = forms.IntegerField(
        label="Days the old key still works",
        min_value=0,
        max_value=90,
        initial=OVERLAP.days,
        help_text="Time to give the new key to the program. 0: the old one ends at once.",
    )


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    form = ApiKeyForm
    list_display = ("name", "prefix", "scopes_in_words", "user", "state", "last_used", "created_at")
    list_filter = (StateFilter, ScopeFilter)
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username")
    search_help_text = "Searches name, beginning of the key, and whom it acts for."
    ordering = ("-id",)
    actions = ("rotate", "revoke")
    change_form_template = f"{TEMPLATES}/change_form.html"

    @admin.display(description="scopes")
    def scopes_in_words(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        return state_in_words(key, now())

    @admin.display(description="last used", ordering="last_used_at", empty_value="never")
    def last_used(self, key: ApiKey) -> Any:
        return key.last_used_at

    @admin.display(description="followed by")
    def followed_by(self, key: ApiKey) -> str:
        successor = ApiKey.objects.filter(rotated_from=key).first()
        if successor is None:
            return "-"
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:scoring_apikey_change", args=[successor.pk]), successor
        )

    # --- adding ----------------------------------------------------------------------------------------------------

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return SHOWN if obj else GIVEN

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return SHOWN if obj else ()

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        people = people_for(_person(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs | {"queryset": people})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        # Each button leads to the key, and nowhere else.
        buttons = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context | buttons, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        key = issue_key(**form.cleaned_data, created_by=_person(request))
        obj.pk = ApiKey.objects.get(sha256=digest(key)).pk
        # The answer to this very request shows it; it must not get into session or cookie.
        request.issued_key = key  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        return self._show(request, request.issued_key)  # type: ignore[attr-defined]

    def _show(self, request: HttpRequest, key: str) -> HttpResponse:
        row = ApiKey.objects.select_related("user", "rotated_from").get(sha256=digest(key))
        return self._page(request, "issued", f"The key {row.name}", {"key": key, "row": row})

    # --- rotating and revoking -------------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        own = [
            path(
                "<path:object_id>/rotate/", self.admin_site.admin_view(self.rotate_view), name="scoring_apikey_rotate"
            ),
            path(
                "<path:object_id>/revoke/", self.admin_site.admin_view(self.revoke_view), name="scoring_apikey_revoke"
            ),
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may_end = self.has_change_permission(request)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "may_end": may_end})

    @admin.action(description="Rotate", permissions=["change"])
    def rotate(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> HttpResponseRedirect | None:
        if chosen.count() != 1:
            self.message_user(request, "Choose one key: each is given to its program by itself.", messages.ERROR)
            return None
        return HttpResponseRedirect(reverse("admin:scoring_apikey_rotate", args=[chosen.get().pk]))

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask how long the old key still works, then show the new one."""
        key = self._key_to_end(request, object_id)
        form = RotateForm(request.POST or None)
        if form.is_valid():
            overlap = timedelta(days=form.cleaned_data["days"])
            try:
                new = rotate_key(key, overlap=overlap, at=now(), by=_person(request))
            except (KeyEndedError, MayNotActForError) as error:
                form.add_error(None, str(error))
            else:
                self._log_rotation(request, key, new)
                return self._show(request, new)
        context = {"row": key, "form": form}
        return self._page(request, "rotate", f"Rotate {key.name}", context, status=422 if form.errors else 200)

    def _log_rotation(self, request: HttpRequest, key: ApiKey, new: str) -> None:
        successor = ApiKey.objects.get(sha256=digest(new))
        self.log_change(request, key, f"Rotated: followed by {successor}.")
        self.log_addition(request, successor, f"Issued in place of {key}.")

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> HttpResponse | None:
        keys = list(chosen.select_related("user").order_by("id"))
        if "confirmed" not in request.POST:
            return self._ask(request, keys)
        ended = [key for key in keys if revoke_key(key, at=now(), by=_person(request))]
        for key in ended:
            self.log_change(request, key, "Revoked.")
        words = f"Revoked: {len(ended)}. Calls with a revoked key are refused from now on."
        self.message_user(request, words, messages.SUCCESS)
        return None

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Ask whether one key is to be revoked; the answer goes to the list's action."""
        return self._ask(request, [self._key_to_end(request, object_id)])

    def _ask(self, request: HttpRequest, keys: Iterable[ApiKey]) -> HttpResponse:
        rows = [(key, state_in_words(key, now())) for key in keys]
        return self._page(request, "revoke", "Revoke", {"rows": rows})

    def _key_to_end(self, request: HttpRequest, object_id: str) -> ApiKey:
        if not self.has_change_permission(request):
            raise PermissionDenied
        key: ApiKey | None = self.get_object(request, unquote(object_id))
        if key is None:
            raise Http404
        return key

    def _page(
        self, request: HttpRequest, name: str, title: str, context: dict[str, Any], *, status: int = 200
    ) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        return render(request, f"{TEMPLATES}/{name}.html", shared | context, status=status)

    # --- who may ---------------------------------------------------------------------------------------------------

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        # A key is never edited, only rotated and revoked.
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the admin lets nobody else in
    return request.user
