"""Tables of case work. Tables only; services write them."""

from cases.models.case import Alert, Case, CaseEvent
from cases.models.export import PaymentExport
from cases.models.feed import FeedEntry
from cases.models.figures import BacklogFigures, DeskFigures, FiguresProgress, HourlyFigures, RuleFigures
from cases.models.handling import Handling, Presence

__all__ = [
    "Alert",
    "BacklogFigures",
    "Case",
    "CaseEvent",
    "DeskFigures",
    "FeedEntry",
    "FiguresProgress",
    "Handling",
    "HourlyFigures",
    "PaymentExport",
    "Presence",
    "RuleFigures",
]
