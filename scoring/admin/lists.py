"""Lists, what stands on them, and what changed."""

import re
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now

from scoring.admin.estimates import EstimatedPaginator
from scoring.admin.list_files import ListFiles
from scoring.admin.readonly import ReadOnlyAdmin
from scoring.models import ListChange, ListEntry, ListImport, NamedList
from scoring.models.lists import LIST_NAME
from scoring.queries_lists import effect_in_force, known_shapes, running, values_meeting
from scoring.rules.identities import ENTITIES, ListValueError, canonical_value
from scoring.rules.list_files import check_expiry
from scoring.rules.lists import SNOOZE
from scoring.services.lists import (
    ListInUseError,
    NotListedError,
    add_list_entry,
    delete_list,
    is_deletable,
    remove_list_entries,
    remove_list_entry,
)

_MOST_SELECTED = 1000
# The admin's page for deleting has no field for one; the console's form asks for it.
_REMOVED_HERE = "taken off in the admin"


class NamedListForm(forms.ModelForm):
    class Meta:
        model = NamedList
        fields = ("name", "title", "purpose")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name.startswith(SNOOZE):
            raise forms.ValidationError("Snoozes are made where a rule is snoozed.")
        if not re.match(LIST_NAME, name):
            raise forms.ValidationError("Small letters, digits, - and _, at most 40 of them, such as `mule_devices`.")
        return name


@admin.register(NamedList)
class NamedListAdmin(ListFiles, admin.ModelAdmin):
    form = NamedListForm
    list_display = ("name", "title", "does", "created_by", "created_at")
    list_select_related = ("created_by",)
    search_fields = ("name", "title")
    ordering = ("name",)
    actions = None
    change_form_template = "admin/scoring/namedlist/change_form.html"

    @admin.display(description="in force")
    def does(self, named: NamedList) -> str:
        """What the policy in force makes of it."""
        return getattr(named, "effect", None) or "read by rules only"

    def get_queryset(self, request: HttpRequest) -> QuerySet[NamedList]:
        lists: QuerySet[NamedList] = super().get_queryset(request)
        return lists.annotate(effect=effect_in_force("name"))

    def get_readonly_fields(self, request: HttpRequest, obj: NamedList | None = None) -> Any:
        return ("name", "created_by", "created_at") if obj else ()

    def save_model(self, request: HttpRequest, obj: NamedList, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = _person(request)
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: NamedList) -> None:
        try:
            delete_list(list_id=obj.pk)
        except (ListInUseError, NotListedError) as error:
            messages.error(request, str(error))

    def has_delete_permission(self, request: HttpRequest, obj: NamedList | None = None) -> bool:
        may = super().has_delete_permission(request, obj)
        return may and (obj is None or is_deletable(obj))


class ListEntryForm(forms.ModelForm):
    """An entry; its value is checked as it is typed in."""

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
        if "list" in cleaned and "expires_at" in cleaned:
            is_snooze = cleaned["list"].name.startswith(SNOOZE)
            try:
                check_expiry(cleaned["expires_at"], at=now(), is_snooze=is_snooze)
            except ValueError as error:
                self.add_error("expires_at", str(error))
        if not self.errors:
            # What stands there already, and perhaps has ended, is put on once more rather than refused.
            key = {name: cleaned[name] for name in ("list", "entity", "value")}
            self.instance = ListEntry.objects.filter(**key).first() or self.instance
        return cleaned


class ExpiryFilter(admin.SimpleListFilter):
    title = "end"
    parameter_name = "end"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("soon", "Within 7 days"), ("never", "No end"), ("over", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ListEntry]) -> QuerySet[ListEntry] | None:
        wanted = running(now()).get(self.value() or "")
        return None if wanted is None else queryset.filter(wanted)


class AuthorFilter(admin.SimpleListFilter):
    """Whoever is the author of an entry: found by an index, where a list of all authors reads a million entries."""

    title = "author"
    parameter_name = "author"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        authors = User.objects.filter(Exists(model_admin.model.objects.filter(author=OuterRef("pk"))))
        return [(str(author.pk), author.get_username()) for author in authors.order_by("username")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ListEntry]) -> QuerySet[ListEntry] | None:
        value = self.value() or ""
        return queryset.filter(author=int(value)) if value.isascii() and value.isdigit() and len(value) < 10 else None


class _ByValue(admin.ModelAdmin):
    """Found by the value that stands there, or by one that a payment carries and that meets it."""

    search_fields = ("value",)
    search_help_text = "The whole value. An address finds the networks it is in, too, and a card its prefixes."
    paginator = EstimatedPaginator
    show_full_result_count = False
    ordering = ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(entity__in=ENTITIES, value__any=values_meeting(term, known_shapes())), False


@admin.register(ListEntry)
class ListEntryAdmin(_ByValue):
    form = ListEntryForm
    list_display = ("list", "entity", "value", "reason", "source", "expires_at", "author", "created_at")
    list_filter = ("list", "entity", ExpiryFilter, AuthorFilter)
    list_select_related = ("author", "list")
    actions = ("delete_selected",)

    def save_model(self, request: HttpRequest, obj: ListEntry, form: Any, change: bool) -> None:
        cleaned = dict(form.cleaned_data)
        obj.pk = add_list_entry(list_name=cleaned.pop("list").name, **cleaned, author=_person(request)).pk

    def delete_model(self, request: HttpRequest, obj: ListEntry) -> None:
        try:
            remove_list_entry(entry_id=obj.pk, reason=_REMOVED_HERE, author=_person(request))
        except NotListedError:
            messages.warning(request, f"{obj} was off the list already.")

    @admin.action(description="Take selected entries off", permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[ListEntry]) -> HttpResponse | None:
        """Django's own, which reads and shows each row: of as many as a person can look at."""
        if queryset[: _MOST_SELECTED + 1].count() > _MOST_SELECTED:
            words = (
                f"At most {_MOST_SELECTED:,} entries at once. For more, import a file of them with the mode “remove”."
            )
            messages.error(request, words)
            return None
        return delete_selected(self, request, queryset)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ListEntry]) -> None:
        remove_list_entries(entries=queryset, reason=_REMOVED_HERE, author=_person(request))

    def has_change_permission(self, request: HttpRequest, obj: ListEntry | None = None) -> bool:
        # Another value is another entry: take this one off and add that.
        return obj is None and super().has_change_permission(request, obj)


@admin.register(ListChange)
class ListChangeAdmin(_ByValue, ReadOnlyAdmin):
    list_display = ("happened_at", "action", "list", "entity", "value", "reason", "source", "expires_at", "author")
    list_filter = ("action", "list", "entity")
    list_select_related = ("author", "list")


@admin.register(ListImport)
class ListImportAdmin(ReadOnlyAdmin):
    list_display = ("happened_at", "list", "file_name", "mode", "put_on", "taken_off", "skipped", "author")
    list_filter = ("list", "mode")
    list_select_related = ("author", "list")
    ordering = ("-id",)


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the admin lets nobody else in
    return request.user
