"""Block and allow lists."""

from ipaddress import ip_address
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from scoring.admin.readonly import ReadOnlyAdmin
from scoring.models import ListChange, ListEntry
from scoring.services.lists import NotListedError, add_list_entry, remove_list_entry

# The admin's page for deleting has no field for one; the console's form asks for it.
_REMOVED_HERE = "taken off in the admin"


class ListEntryForm(forms.ModelForm):
    """An entry; an address is checked as it is typed in."""

    class Meta:
        model = ListEntry
        fields = ("kind", "entity", "value", "reason", "expires_at")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("entity") == ListEntry.Entity.IP and "value" in cleaned:
            try:
                ip_address(cleaned["value"])
            except ValueError:
                self.add_error("value", "This is neither IPv4 nor IPv6.")
        return cleaned


@admin.register(ListEntry)
class ListEntryAdmin(admin.ModelAdmin):
    form = ListEntryForm
    list_display = ("kind", "entity", "value", "reason", "expires_at", "author", "created_at")
    list_filter = ("kind", "entity")
    search_fields = ("=value", "reason")
    list_select_related = ("author",)

    def save_model(self, request: HttpRequest, obj: ListEntry, form: Any, change: bool) -> None:
        assert isinstance(request.user, User)  # the admin lets nobody else in
        obj.pk = add_list_entry(**form.cleaned_data, author=request.user).pk

    def delete_model(self, request: HttpRequest, obj: ListEntry) -> None:
        assert isinstance(request.user, User)
        try:
            remove_list_entry(entry_id=obj.pk, reason=_REMOVED_HERE, author=request.user)
        except NotListedError:
            messages.warning(request, f"{obj} was off the list already.")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ListEntry]) -> None:
        for entry in queryset:
            self.delete_model(request, entry)

    def has_change_permission(self, request: HttpRequest, obj: ListEntry | None = None) -> bool:
        # Another value is another entry: take this one off and add that.
        return obj is None and super().has_change_permission(request, obj)


@admin.register(ListChange)
class ListChangeAdmin(ReadOnlyAdmin):
    list_display = ("happened_at", "action", "kind", "entity", "value", "reason", "expires_at", "author")
    list_filter = ("action", "kind", "entity")
    search_fields = ("=value",)
    list_select_related = ("author",)
    ordering = ("-id",)
