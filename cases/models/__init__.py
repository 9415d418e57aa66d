"""Tables of case work. Tables only; services write them."""

from cases.models.case import Alert, Case, CaseEvent
from cases.models.check import Check, Display, FirstVerdict, KnownCase, Reviewer, ReviewSettings
from cases.models.export import PaymentExport
from cases.models.feed import FeedEntry
from cases.models.handling import Handling, Presence, Variant

__all__ = [
    "Alert",
    "Case",
    "CaseEvent",
    "Check",
    "Display",
    "FeedEntry",
    "FirstVerdict",
    "Handling",
    "KnownCase",
    "PaymentExport",
    "Presence",
    "ReviewSettings",
    "Reviewer",
    "Variant",
]
