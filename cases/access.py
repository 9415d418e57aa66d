"""Who may see and do what in the console: load, or refuse with 403 or 404."""

from uuid import UUID

from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import PermissionDenied
from django.http import Http404

from cases.models import Case


def check_may_view(user: User) -> None:
    """Raises: PermissionDenied: the user is in none of the console's groups."""
    if not user.has_perm("cases.view_case"):
        raise PermissionDenied(
            f"You are logged in as {user.get_username()}, but this account is in no group that sees cases."
            " A manager can add it to one: analyst, lead, manager or auditor."
        )


def check_may_review(user: User) -> None:
    """Raises: PermissionDenied: the user may look at most."""
    check_may_view(user)
    if not may_review(user):
        raise PermissionDenied("You may look at cases; claims, notes and verdicts are for analysts and leads.")


def check_may_watch(user: User) -> None:
    """Raises: PermissionDenied: the live feed is not for the user."""
    if not may_watch(user):
        raise PermissionDenied("Your account may not watch the live feed. A manager can add it to a group that may.")


def check_may_export(user: User) -> None:
    """Raises: PermissionDenied: no payment leaves in a file by this user."""
    check_may_view(user)
    if not may_export(user):
        raise PermissionDenied("You may search payments; exports are for leads, managers and auditors.")


def check_may_list(user: User) -> None:
    """Raises: PermissionDenied: block and allow lists are not for the user to change."""
    check_may_view(user)
    if not may_list(user):
        raise PermissionDenied("You may see what stands on a list; putting on and taking off is for managers.")


def may_list(user: User) -> bool:
    return user.has_perms(["scoring.add_listentry", "scoring.delete_listentry"])


def may_review(user: User) -> bool:
    return user.has_perm("cases.review_case")


def may_watch(user: User) -> bool:
    return user.has_perm("cases.view_feed")


def may_export(user: User) -> bool:
    return user.has_perm("cases.export_payments")


def may_release_others(user: User) -> bool:
    return user.has_perm("cases.release_case")


def check_may_view_quality(user: User) -> None:
    """Raises: PermissionDenied: how well others review is not for the user."""
    check_may_view(user)
    if not user.has_perm("cases.view_quality"):
        raise PermissionDenied("The quality of everybody's review is for leads, managers and auditors.")


def check_may_settle(user: User) -> None:
    """Raises: PermissionDenied: the user settles no disagreement."""
    check_may_view_quality(user)
    if not may_settle(user):
        raise PermissionDenied("You may see where reviewers disagree; settling is for leads and managers.")


def check_may_set_reviews(user: User) -> None:
    """Raises: PermissionDenied: what is reviewed twice and shown when is not for the user to set."""
    check_may_view_quality(user)
    if not may_set_reviews(user):
        raise PermissionDenied("What is reviewed twice and what reviewers see is set by leads and managers.")


def check_may_mark_known(user: User) -> None:
    """Raises: PermissionDenied: the user may not say what a case was."""
    check_may_view(user)
    if not may_mark_known(user):
        raise PermissionDenied("Known cases are marked by leads and managers.")


def may_settle(user: User) -> bool:
    return user.has_perm("cases.settle_check")


def may_set_reviews(user: User) -> bool:
    return user.has_perm("cases.change_reviewsettings")


def may_mark_known(user: User) -> bool:
    return user.has_perm("cases.mark_known_case")


def may_still_watch(user_id: int, session: SessionBase | None) -> bool:
    """Ask again, from the database: has the user logged out, been disabled, or lost the permission?"""
    if session is not None and not session.exists(session.session_key or ""):
        return False
    user = User.objects.filter(id=user_id, is_active=True).first()
    return user is not None and may_watch(user)


def get_visible_case(user: User, case_id: UUID) -> Case:
    """Raises: PermissionDenied or Http404, in this order: who may see no case learns nothing about one."""
    check_may_view(user)
    return _get_case(case_id)


def get_reviewable_case(user: User, case_id: UUID) -> Case:
    """A case the user may work on; whether it is still open is for the services to say."""
    check_may_review(user)
    return _get_case(case_id)


def _get_case(case_id: UUID) -> Case:
    try:
        return Case.objects.select_related("claimed_by", "decided_by").get(id=case_id)
    except Case.DoesNotExist as error:
        raise Http404("There is no such case.") from error
