"""Tables of case work. Tables only; services write them."""

from cases.models.case import Alert, Case, CaseEvent
from cases.models.casework import Attachment, AttachmentContent, CaseTag, Tag
from cases.models.export import PaymentExport
from cases.models.feed import FeedEntry
from cases.models.handling import Handling, Presence

__all__ = [
    "Alert",
    "Attachment",
    "AttachmentContent",
    "Case",
    "CaseEvent",
    "CaseTag",
    "FeedEntry",
    "Handling",
    "PaymentExport",
    "Presence",
    "Tag",
]
