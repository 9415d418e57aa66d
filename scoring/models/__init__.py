"""Tables of scoring. Tables only; services write them."""

from scoring.models.api_key import ApiKey
from scoring.models.decision import Decision, Label, Outcome
from scoring.models.delivery import FeatureRebuild, Outbox, PendingFeatures
from scoring.models.policy import ListChange, ListEntry, Policy, Rule
from scoring.models.registry import ModelVersion
from scoring.models.rescoring import Rescoring, RescoringDue
from scoring.models.webhook import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookSecret

__all__ = [
    "ApiKey",
    "Decision",
    "FeatureRebuild",
    "Label",
    "ListChange",
    "ListEntry",
    "ModelVersion",
    "Outbox",
    "Outcome",
    "PendingFeatures",
    "Policy",
    "Rescoring",
    "RescoringDue",
    "Rule",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookSecret",
]
