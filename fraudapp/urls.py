"""Addresses: the console, the admin, and what scoring offers to machines."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    # First: looked for behind the pages, the address of a payment's call costs a tenth of its answer.
    path("", include("scoring.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/cases/", include("cases.api.urls")),
    path("", include("cases.urls")),
]

handler404 = "scoring.api.nowhere.not_found"
handler500 = "scoring.api.nowhere.server_error"
