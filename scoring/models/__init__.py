"""Tables of scoring. Tables only; services write them."""

from scoring.models.api_key import ApiKey
from scoring.models.decision import Decision, Outcome
from scoring.models.delivery import FeatureRebuild, Outbox, PendingFeatures
from scoring.models.drift import DriftAlarm, DriftDay, DriftReport, DriftSettings
from scoring.models.experiment import Experiment, ExperimentLook
from scoring.models.explanation import Explanation
from scoring.models.labels import Label
from scoring.models.lists import ListChange, ListEntry, ListImport, ListShape, NamedList
from scoring.models.policy import Policy, PolicyEvent, PolicyList, Rule, ThresholdBand
from scoring.models.registry import ModelEvent, ModelVersion, TrainingRun
from scoring.models.rescoring import Rescoring, RescoringDue
from scoring.models.retraining import ModelComparison, Retraining, RetrainingSettings
from scoring.models.shadow_models import ShadowModelFigures, ShadowScore
from scoring.models.trial import Backtest, ShadowChange, ShadowFigures, ShadowRuleFigures
from scoring.models.webhook import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookSecret

__all__ = [
    "ApiKey",
    "Backtest",
    "Decision",
    "Experiment",
    "ExperimentLook",
    "DriftAlarm",
    "DriftDay",
    "DriftReport",
    "DriftSettings",
    "Explanation",
    "FeatureRebuild",
    "Label",
    "ListChange",
    "ListEntry",
    "ListImport",
    "ListShape",
    "ModelComparison",
    "ModelEvent",
    "ModelVersion",
    "NamedList",
    "Outbox",
    "Outcome",
    "PendingFeatures",
    "Policy",
    "PolicyEvent",
    "PolicyList",
    "Rescoring",
    "RescoringDue",
    "Retraining",
    "RetrainingSettings",
    "Rule",
    "ShadowChange",
    "ShadowFigures",
    "ShadowModelFigures",
    "ShadowRuleFigures",
    "ShadowScore",
    "ThresholdBand",
    "TrainingRun",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookSecret",
]
