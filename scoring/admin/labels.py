"""The label ledger: who said what of which payment, as of any day."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin import RelatedOnlyFieldListFilter, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.timezone import now

from scoring.admin.readonly import ReadOnlyAdmin
from scoring.models import Label
from scoring.queries_ledger import ledger_of

_DAYS = (1, 7, 30, 90, 180)


class AsOfFilter(SimpleListFilter):
    """What was known at the end of a day; also by hand: `?as_of=2026-10-31`."""

    title = "as of"
    parameter_name = "as_of"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Some days to choose from."""
        today = now().astimezone(UTC).date()
        return [(str(today - timedelta(days=days)), f"{days} day{'s' if days > 1 else ''} ago (UTC)") for days in _DAYS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Label]) -> QuerySet[Label]:
        """Leave out what became known later. What is no day leaves nothing."""
        if not self.value():
            return queryset
        try:
            day = datetime.strptime(self.value() or "", "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            return queryset.none()
        return queryset.filter(known_at__lt=datetime.combine(day, time(), UTC) + timedelta(days=1))


@admin.register(Label)
class LabelAdmin(ReadOnlyAdmin):
    list_display = ("decision", "label", "source", "reason", "asserted_at", "known_at", "author", "api_key")
    list_filter = (AsOfFilter, "label", "source", "known_at", ("author", RelatedOnlyFieldListFilter))
    list_select_related = ("decision", "author", "api_key")
    search_fields = ("decision__transaction_id__exact", "decision__card_id__exact")
    search_help_text = "A transaction or a card, in full."
    ordering = ("-id",)
    readonly_fields = ("ledger",)

    @admin.display(description="all that was said of the payment")
    def ledger(self, label: Label) -> str:
        """Each statement on the payment and why it is believed or not, a line each."""
        said = ledger_of([label.decision_id], as_of=now())
        lines = [
            f"{one.label.known_at:%Y-%m-%d %H:%M} {one.label.get_source_display()}: {one.label.label}. {one.why}"
            for one in said
        ]
        return "\n".join(lines)
