"""Addresses: the console, the admin, and what scoring offers to machines."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/cases/", include("cases.api.urls")),
    path("", include("cases.urls")),
    path("", include("scoring.urls")),
]

handler404 = "scoring.api.nowhere.not_found"
handler500 = "scoring.api.nowhere.server_error"
