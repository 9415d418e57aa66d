"""Keeps the ordinary pages of a case from who reviews it blind.

A case under blind review has its usual address, so nothing tells it from others; and whichever way its reviewer comes
to it, they see it as it was. This stands before the views: a page that is added later cannot tell what was said.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from cases import access
from cases.services import checks
from cases.views import checks as check_views
from cases.views.pages import ConsoleRequest
from cases.views.queue import HANDED_OUT

# Views that show a case as it stood when they are told when; they change nothing.
_AS_OF = {"case_graph", "case_places", "card_timeline", "shared_payments", "reason_numbers"}


class BlindReviewMiddleware(MiddlewareMixin):
    """Hands requests about a case to the views of blind review while the user reviews it."""

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]
    ) -> HttpResponseBase | None:
        case_id = kwargs.get("case_id")
        if case_id is None or not isinstance(request.user, User):
            return None
        check = checks.held_by(request.user, case_id=case_id)
        if check is None:
            was_handed_out = request.session.get(HANDED_OUT) == str(case_id)
            # What an open page sends after its review was taken back must not be answered with the verdict.
            return (
                check_views.gone(cast(ConsoleRequest, request)) if was_handed_out and request.method == "POST" else None
            )
        try:
            access.get_reviewable_case(request.user, case_id)
        except PermissionDenied:
            # A right or a membership was taken away meanwhile.
            checks.give_back(check)
            raise
        name = (request.resolver_match.url_name if request.resolver_match else None) or ""
        if name in _AS_OF:
            return cast(HttpResponseBase, view(request, *args, as_of=check.as_of, **kwargs))
        blind_view = check_views.VIEWS.get(name, check_views.refuse)
        return blind_view(cast(ConsoleRequest, request), check)
