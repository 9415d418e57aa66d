"""Addresses of the scoring API and of what watches it."""

from django.contrib.auth.decorators import login_not_required
from django.urls import path

from scoring.api import health
from scoring.api.batch import BatchView
from scoring.api.documentation import SchemaView
from scoring.api.explanation import ExplanationView
from scoring.api.labels import LabelsView, LedgerView
from scoring.api.reproduction import ReproductionView
from scoring.api.views import DecisionsView, DecisionView

# Console pages ask for a login by middleware; these ask for an API key in their own way.
urlpatterns = [
    path("api/v1/decisions/", login_not_required(DecisionsView.as_view()), name="decisions"),
    path("api/v1/decisions/batch/", login_not_required(BatchView.as_view()), name="batch"),
    path("api/v1/decisions/<str:transaction_id>/", login_not_required(DecisionView.as_view()), name="decision"),
    path(
        "api/v1/decisions/<str:transaction_id>/reproduce/",
        login_not_required(ReproductionView.as_view()),
        name="reproduce",
    ),
    path("api/v1/decisions/<str:transaction_id>/labels/", login_not_required(LedgerView.as_view()), name="labels_of"),
    path(
        "api/v1/decisions/<str:transaction_id>/explanation/",
        login_not_required(ExplanationView.as_view()),
        name="explanation",
    ),
    path("api/v1/labels/", login_not_required(LabelsView.as_view()), name="labels"),
    path("api/schema/", login_not_required(SchemaView.as_view()), name="schema"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", login_not_required(health.MetricsView.as_view()), name="metrics"),
]
