"""Addresses of the console."""

from django.contrib.auth.views import LogoutView
from django.urls import path, re_path
from django.views.generic import RedirectView

from cases.views import account, case, entities, live, quality, queue, search

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
    path("cases/<uuid:case_id>/verdict/", case.verdict, name="verdict"),
    path("cases/<uuid:case_id>/notes/", case.add_note, name="add_note"),
    path("cases/<uuid:case_id>/known/", quality.mark_known, name="mark_known"),
    path("cases/<uuid:case_id>/known/remove/", quality.unmark_known, name="unmark_known"),
    path("quality/", quality.quality, name="quality"),
    path("quality/mine/", quality.own_quality, name="own_quality"),
    path("quality/settings/", quality.review_settings, name="review_settings"),
    path("quality/reviews/<int:check_id>/settle/", quality.settle, name="settle"),
    path("entities/<slug:kind>/<path:name>/", entities.entity, name="entity"),
    path("lists/add/", entities.add_to_list, name="add_to_list"),
    path("lists/<int:entry_id>/remove/", entities.remove_from_list, name="remove_from_list"),
]
