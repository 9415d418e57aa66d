"""Reviews, first verdicts and known cases for auditors and managers: to read, not to change."""

from django.contrib import admin

from cases.models import Check, FirstVerdict, KnownCase, Reviewer, ReviewSettings
from cases.seen_admin import OfSeenCases
from scoring.admin.readonly import ReadOnlyAdmin


@admin.register(Check)
class CheckAdmin(OfSeenCases):
    list_display = [
        "made_at",
        "kind",
        "case",
        "first_analyst",
        "expected",
        "analyst",
        "verdict",
        "agrees",
        "settled_as",
    ]
    list_filter = ["kind", "agrees", "variant", "decided_at"]
    list_select_related = ["case", "first_analyst", "analyst"]
    search_fields = ["=analyst__username", "=first_analyst__username", "=case__card_id"]
    ordering = ["-made_at"]


@admin.register(FirstVerdict)
class FirstVerdictAdmin(OfSeenCases):
    list_display = [
        "decided_at",
        "analyst",
        "case",
        "verdict",
        "typology",
        "truth",
        "is_corrected",
        "variant",
        "seconds",
    ]
    list_filter = ["verdict", "truth", "is_corrected", "variant", "decided_at"]
    list_select_related = ["case", "analyst"]
    search_fields = ["=analyst__username", "=case__card_id"]
    ordering = ["-decided_at"]


@admin.register(KnownCase)
class KnownCaseAdmin(OfSeenCases):
    list_display = ["marked_at", "case", "truth", "marked_by", "reason"]
    list_filter = ["truth"]
    list_select_related = ["case", "marked_by"]
    ordering = ["-marked_at"]


@admin.register(ReviewSettings)
class ReviewSettingsAdmin(ReadOnlyAdmin):
    list_display = ["display", "data_first_share", "second_share", "second_rate", "known_rate", "tells_known"]


@admin.register(Reviewer)
class ReviewerAdmin(ReadOnlyAdmin):
    list_display = ["user", "display"]
    list_select_related = ["user"]
