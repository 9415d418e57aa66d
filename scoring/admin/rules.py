"""Rules over all versions, to find and to read; and the look at an expression while it is typed."""

from typing import Any

from django.contrib import admin
from django.db.models import F, Func, QuerySet
from django.http import HttpRequest, HttpResponseForbidden, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from scoring.admin.readonly import ReadOnlyAdmin
from scoring.models import NamedList, Policy, Rule
from scoring.rules.language import Condition, RuleError
from scoring.services.policy_checks import check_expression

_MOST_TAGS = 100


class VersionFilter(admin.SimpleListFilter):
    title = "version"
    parameter_name = "of"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "In force"), ("work", "In work")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Rule]) -> QuerySet[Rule] | None:
        status = Policy.Status
        wanted = {"live": [status.LIVE], "work": [status.DRAFT, status.SHADOW, status.PROPOSED]}.get(self.value() or "")
        return queryset.filter(policy__status__in=wanted) if wanted else None


class TagFilter(admin.SimpleListFilter):
    title = "tag"
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        tags = Rule.objects.annotate(tag=Func(F("tags"), function="unnest")).values_list("tag", flat=True)
        return [(tag, tag) for tag in tags.distinct().order_by("tag")[:_MOST_TAGS]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Rule]) -> QuerySet[Rule] | None:
        return queryset.filter(tags__contains=[self.value()]) if self.value() else None


@admin.register(Rule)
class RuleAdmin(ReadOnlyAdmin):
    list_display = ("code", "version", "status", "expression", "outcome", "points", "owner", "expires_at", "is_enabled")
    list_select_related = ("policy", "owner")
    list_filter = (VersionFilter, TagFilter, "outcome", "is_enabled", ("owner", admin.RelatedOnlyFieldListFilter))
    search_fields = ("code", "name", "expression", "owner__username", "tags")
    search_help_text = "Code, name, expression, tag or keeper."
    ordering = ("-policy__version", "code")

    @admin.display(ordering="policy__version")
    def version(self, obj: Rule) -> str:
        version = obj.policy.version
        return format_html('<a href="{}">{}</a>', reverse("policy_version", args=[version]), version)

    @admin.display(ordering="policy__status")
    def status(self, obj: Rule) -> str:
        return str(obj.policy.get_status_display())

    def get_urls(self) -> list[URLPattern]:
        check = self.admin_site.admin_view(require_POST(check_rule))
        return [path("check/", check, name="scoring_rule_check"), *super().get_urls()]


def check_rule(request: HttpRequest) -> HttpResponseBase:
    """Say what is wrong with an expression and where, or what it reads and costs."""
    if not request.user.has_perm("scoring.change_policy"):
        return HttpResponseForbidden("Rules are written by managers.")
    lists = frozenset(NamedList.objects.values_list("name", flat=True))
    try:
        condition = check_expression(request.POST.get("expression", ""), lists=lists)
    except RuleError as error:
        return JsonResponse({"is_good": False, "words": str(error), "place": error.place})
    return JsonResponse({"is_good": True, "words": _words_of(condition)})


def _words_of(condition: Condition) -> str:
    lists = f"; asks {', '.join(sorted(condition.lists))}" if condition.lists else ""
    return f"Reads {', '.join(sorted(condition.fields))}{lists}. Costs about {condition.cost:,.0f} ns a payment."
