"""Lists and what stands on them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from scoring.admin.readonly import ReadOnlyAdmin
from scoring.models import ListChange, ListEntry
from scoring.rules.identities import ListValueError, canonical_value
from scoring.services.lists import NotListedError, add_list_entry, remove_list_entry

# The admin's page for deleting has no field for one; the console's form asks for it.
_REMOVED_HERE = "taken off in the admin"


class ListEntryForm(forms.ModelForm):
    """An entry; an address is checked as it is typed in."""

    class Meta:
        model = ListEntry
        fields = ("list", "entity", "value", "reason", "expires_at")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "entity" in cleaned and "value" in cleaned:
            try:
                cleaned["value"] = canonical_value(cleaned["entity"], cleaned["value"])
            except ListValueError as error:
                self.add_error("value", str(error))
        return cleaned


@admin.register(ListEntry)
class ListEntryAdmin(admin.ModelAdmin):
    form = ListEntryForm
    list_display = ("list", "entity", "value", "reason", "expires_at", "author", "created_at")
    list_filter = ("list", "entity")
    search_fields = ("=value", "reason")
    list_select_related = ("author",)

    def save_model(self, request: HttpRequest, obj: ListEntry, form: Any, change: bool) -> None:
        assert isinstance(request.user, User)  # the admin lets nobody else in
        cleaned = dict(form.cleaned_data)
        obj.pk = add_list_entry(list_name=cleaned.pop("list").name, **cleaned, author=request.user).pk

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
    list_display = ("happened_at", "action", "list", "entity", "value", "reason", "expires_at", "author")
    list_filter = ("action", "list", "entity")
    search_fields = ("=value",)
    list_select_related = ("author",)
    ordering = ("-id",)
