"""Tables of case work. Tables only; services write them."""

from cases.models.audit import AuditDraw, AuditRate, AuditSetting
from cases.models.case import Alert, Case, CaseEvent
from cases.models.casework import Attachment, AttachmentContent, CaseTag, Tag
from cases.models.check import Check, Display, FirstVerdict, KnownCase, Reviewer, ReviewSettings
from cases.models.export import PaymentExport
from cases.models.feed import FeedEntry
from cases.models.figures import BacklogFigures, DeskFigures, FiguresProgress, HourlyFigures, RuleFigures
from cases.models.handling import Handling, Presence, Variant
from cases.models.queue import Queue
from cases.models.rule_health import RuleAlarm, RuleHours, RuleMoney, RuleOverlap, RulePairs
from cases.models.saved_view import DefaultView, SavedView
from cases.models.score_figures import ScoreDay, ScoreFigures
from cases.models.verdict import ApprovalLimit, Verdict, VerdictEffect, VerdictPayment

__all__ = [
    "Alert",
    "ApprovalLimit",
    "Attachment",
    "AttachmentContent",
    "AuditDraw",
    "AuditRate",
    "AuditSetting",
    "BacklogFigures",
    "Case",
    "CaseEvent",
    "CaseTag",
    "Check",
    "DefaultView",
    "DeskFigures",
    "Display",
    "FeedEntry",
    "FiguresProgress",
    "FirstVerdict",
    "Handling",
    "HourlyFigures",
    "KnownCase",
    "PaymentExport",
    "Presence",
    "Queue",
    "ReviewSettings",
    "Reviewer",
    "RuleAlarm",
    "RuleFigures",
    "RuleHours",
    "RuleMoney",
    "RuleOverlap",
    "RulePairs",
    "SavedView",
    "ScoreDay",
    "ScoreFigures",
    "Tag",
    "Variant",
    "Verdict",
    "VerdictEffect",
    "VerdictPayment",
]
