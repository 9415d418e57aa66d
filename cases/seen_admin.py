"""What the admin shows of cases: those in queues that the user sees."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from cases import access
from scoring.admin.readonly import ReadOnlyAdmin


class OfSeenCases(ReadOnlyAdmin):
    """Rows of cases in queues that the user sees."""

    queue_path = "case__queue"

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        assert isinstance(request.user, User)  # the admin lets nobody else in
        return super().get_queryset(request).filter(access.desk_for(request.user).visible(self.queue_path))
