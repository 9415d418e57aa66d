"""Addresses of the console."""

from django.contrib.auth.views import LogoutView
from django.urls import path, re_path
from django.views.generic import RedirectView

from cases.views import account, case, casework, drawings, entities, live, queue, queues, record, search, verdict

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="queue"), name="home"),
    path("login/", account.login, name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("queue/", queue.queue, name="queue"),
    path("next/", queue.next_case, name="next_case"),
    path("live/", live.live, name="live"),
    path("search/", search.search, name="search"),
    re_path(r"^search/export\.(?P<file_format>csv|parquet)$", search.export_payments, name="export_payments"),
    path("cases/<uuid:case_id>/", case.case_detail, name="case_detail"),
    path("cases/<uuid:case_id>/claim/", case.claim, name="claim"),
    path("cases/<uuid:case_id>/release/", case.release, name="release"),
    path("cases/<uuid:case_id>/look/", case.look, name="look"),
    path("cases/<uuid:case_id>/skip/", case.skip, name="skip"),
    path("cases/<uuid:case_id>/escalate/", queues.escalate, name="escalate"),
    path("cases/<uuid:case_id>/move/", queues.move, name="move"),
    path("cases/<uuid:case_id>/verdict/", verdict.verdict, name="verdict"),
    path("cases/<uuid:case_id>/verdicts/<int:verdict_id>/approve/", verdict.approve, name="approve"),
    path("cases/<uuid:case_id>/verdicts/<int:verdict_id>/refuse/", verdict.refuse, name="refuse"),
    path("cases/<uuid:case_id>/reopen/", verdict.reopen, name="reopen"),
    path("approvals/", verdict.approvals, name="approvals"),
    path("undo/", verdict.undo, name="undo"),
    path("cases/<uuid:case_id>/notes/", case.add_note, name="add_note"),
    path("cases/<uuid:case_id>/graph/", drawings.graph, name="case_graph"),
    path("cases/<uuid:case_id>/map/", drawings.places, name="case_places"),
    path("cases/<uuid:case_id>/timeline/", drawings.card_timeline, name="card_timeline"),
    path(
        "cases/<uuid:case_id>/payments/<int:decision_id>/shared/<slug:kind>/",
        drawings.shared_payments,
        name="shared_payments",
    ),
    path(
        "cases/<uuid:case_id>/payments/<int:decision_id>/reasons/<int:place>/",
        drawings.reason_numbers,
        name="reason_numbers",
    ),
    path("cases/<uuid:case_id>/snooze/", casework.snooze, name="snooze"),
    path("cases/<uuid:case_id>/wake/", casework.wake, name="wake"),
    path("cases/<uuid:case_id>/tags/", casework.tags, name="tags"),
    path("cases/<uuid:case_id>/tags/remove/", casework.remove_tag, name="remove_tag"),
    path("cases/<uuid:case_id>/files/", casework.files, name="files"),
    path("cases/<uuid:case_id>/files/<uuid:file_id>/", casework.download_file, name="download_file"),
    path("cases/<uuid:case_id>/files/<uuid:file_id>/remove/", casework.remove_file, name="remove_file"),
    path("cases/<uuid:case_id>/history/", record.case_history, name="case_history"),
    path("cases/<uuid:case_id>/print/", record.print_case, name="print_case"),
    path("tags/suggested/", casework.suggested_tags, name="suggested_tags"),
    path("entities/<slug:kind>/<path:name>/", entities.entity, name="entity"),
    path("lists/add/", entities.add_to_list, name="add_to_list"),
    path("lists/<int:entry_id>/remove/", entities.remove_from_list, name="remove_from_list"),
]
