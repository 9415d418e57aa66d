"""Who acts: a key with the scope `cases` is the hand of one console user, with their rights and under their name."""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework.request import Request

from cases import access
from cases.hands import act_by_key
from cases.models import Case, Check
from cases.services import checks

_GONE = (
    "The console user this API key acts for is no longer active, so the key may do nothing with cases."
    " An administrator can issue one that names another user."
)
_NOT_HERE = "There is no such case, or it is in a queue that you do not see."


def actor_of(request: Request) -> User:
    """The user the key acts for, whose console rights are asked as in the console.

    Raises:
        PermissionDenied: their account is disabled.
    """
    key: Any = request.auth
    # Asked again: the keys that are kept in memory may be seconds old.
    user = User.objects.filter(id=key.user_id, is_active=True).first()
    if user is None:
        raise PermissionDenied(_GONE)
    return act_by_key(user, key.id)


def load_visible(user: User, case_id: UUID) -> tuple[Case, Check | None]:
    """A case the user may see, and the blind review they hold of it.

    Raises:
        PermissionDenied: they see no cases at all, or the review they hold is theirs no more.
        Http404: there is none, or it is in a queue they do not see.
    """
    access.check_may_view(user)
    return _load(user, case_id)


def load_reviewable(user: User, case_id: UUID) -> tuple[Case, Check | None]:
    """The same of a case the user may work on. Raises: PermissionDenied, Http404."""
    access.check_may_review(user)
    return _load(user, case_id)


def _load(user: User, case_id: UUID) -> tuple[Case, Check | None]:
    held = checks.held_by(user, case_id=case_id)
    if held is not None and not access.may_review(user):
        # The right was taken away meanwhile.
        checks.give_back(held)
        access.check_may_review(user)
    try:
        return access.get_visible_case(user, case_id), held
    except PermissionDenied as error:
        if held is not None:
            # The same of the membership.
            checks.give_back(held)
        raise Http404(_NOT_HERE) from error
    except Http404 as error:
        raise Http404(_NOT_HERE) from error


def where_it_went(user: User, case: Case) -> Case:
    """The case, or the one it was merged into. Raises: Http404: that one is in a queue the user does not see."""
    if case.merged_into_id is None:
        return case
    try:
        return access.where_it_went(access.get_visible_case, user, case.id)
    except PermissionDenied as error:
        raise Http404("The case was merged into one in a queue that you do not see.") from error
