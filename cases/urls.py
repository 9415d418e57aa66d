"""Addresses of the console."""

from django.contrib.auth.views import LogoutView
from django.urls import path, re_path
from django.views.generic import RedirectView

from cases.views import account, bulk, case, entities, live, queue, saved_views, search

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="queue"), name="home"),
    path("login/", account.login, name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("queue/", queue.queue, name="queue"),
    path("queue/views/add/", saved_views.add_view, name="add_view"),
    path("queue/views/<int:view_id>/", saved_views.change_view, name="change_view"),
    path("queue/views/<int:view_id>/delete/", saved_views.delete_view, name="delete_view"),
    path("queue/views/<int:view_id>/default/", saved_views.choose_default, name="choose_default"),
    path("queue/selected/", bulk.selected, name="selected"),
    path("queue/selected/verdict/", bulk.decide_selected, name="decide_selected"),
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
    path("entities/<slug:kind>/<path:name>/", entities.entity, name="entity"),
    path("lists/add/", entities.add_to_list, name="add_to_list"),
    path("lists/<int:entry_id>/remove/", entities.remove_from_list, name="remove_from_list"),
]
