"""Tables of case work. Tables only; services write them."""

from cases.models.case import Alert, Case, CaseEvent
from cases.models.export import PaymentExport
from cases.models.feed import FeedEntry
from cases.models.handling import Handling, Presence
from cases.models.saved_view import DefaultView, SavedView

__all__ = [
    "Alert",
    "Case",
    "CaseEvent",
    "DefaultView",
    "FeedEntry",
    "Handling",
    "PaymentExport",
    "Presence",
    "SavedView",
]
