"""Addresses of cases by REST. They ask for an API key in their own way, not for a login.

The id is no `case_id` here: that name is the console's, whose blind reviews are kept by a middleware. Here `base` and
`views` ask for them.
"""

from django.contrib.auth.decorators import login_not_required
from django.urls import path

from cases.api import actions, verdicts, views

_ACTIONS = {
    "claim": actions.ClaimView,
    "release": actions.ReleaseView,
    "skip": actions.SkipView,
    "escalate": actions.EscalateView,
    "move": actions.MoveView,
    "snooze": actions.SnoozeView,
    "wake": actions.WakeView,
    "notes": actions.NotesView,
    "tags": actions.TagsView,
    "reopen": actions.ReopenView,
    "verdict": verdicts.VerdictView,
    "undo": verdicts.UndoView,
    "approve": verdicts.ApproveView,
    "refuse": verdicts.RefuseView,
}

urlpatterns = [
    path("", login_not_required(views.CasesView.as_view()), name="api_cases"),
    path("next/", login_not_required(views.NextView.as_view()), name="api_next_case"),
    path("<uuid:id>/", login_not_required(views.CaseView.as_view()), name="api_case"),
    path("<uuid:id>/history/", login_not_required(views.HistoryView.as_view()), name="api_case_history"),
    *(
        path(f"<uuid:id>/{name}/", login_not_required(view.as_view()), name=f"api_case_{name}")
        for name, view in _ACTIONS.items()
    ),
]
