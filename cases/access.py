"""Who may see and do what in the console: load, or refuse with 403 or 404."""

from collections.abc import Callable, Collection
from uuid import UUID

from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q
from django.http import Http404

from cases.models import Case, Check, SavedView, Verdict
from cases.queries.queues import Desk, desk_of


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
        raise PermissionDenied(
            "You may look at cases; claims, notes, tags, files and verdicts are for analysts and leads."
        )


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


def check_may_see_dashboard(user: User) -> None:
    """Raises: PermissionDenied: figures of the desk and its people are not for the user."""
    check_may_view(user)
    if not user.has_perm("cases.view_dashboard"):
        raise PermissionDenied("You may see cases; the dashboard is for leads, managers and auditors.")


def check_may_approve(user: User) -> None:
    """Raises: PermissionDenied: the word of a second person is not this user's."""
    check_may_view(user)
    if not may_approve(user):
        raise PermissionDenied("You may read verdicts that wait for approval; approving them is for leads.")


def may_approve(user: User) -> bool:
    return user.has_perm("cases.approve_verdict")


def may_block(user: User) -> bool:
    """Say whether the user's verdicts may block a card or let a device through."""
    return user.has_perm("cases.block_by_verdict")


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


def may_share_views(user: User) -> bool:
    return user.has_perm("cases.share_view")


def may_remove_files_of_others(user: User) -> bool:
    return user.has_perm("cases.remove_attachment")


def may_snooze_past_due(user: User) -> bool:
    return user.has_perm("cases.snooze_past_due")


def may_move(user: User) -> bool:
    return user.has_perm("cases.move_case")


def check_may_move(user: User) -> None:
    """Raises: PermissionDenied: cases stay in the queue they are in."""
    check_may_review(user)
    if not may_move(user):
        raise PermissionDenied("You may escalate cases; moving them to any other queue is for leads.")


def desk_of_watcher(user_id: int, session: SessionBase | None) -> Desk | None:
    """Ask again, from the database: which queues the user sees. None: logged out, disabled, or no longer permitted."""
    if session is not None and not session.exists(session.session_key or ""):
        return None
    user = User.objects.filter(id=user_id, is_active=True).first()
    return desk_of(user) if user is not None and may_watch(user) else None


def desk_for(user: User) -> Desk:
    """The queues as the user has them; asked once a request, as Django asks for permissions."""
    if not hasattr(user, "_desk"):
        user._desk = desk_of(user)  # type: ignore[attr-defined]
    desk: Desk = user._desk  # type: ignore[attr-defined]
    return desk


def get_visible_case(user: User, case_id: UUID) -> Case:
    """Raises: PermissionDenied or Http404, in this order: who may see no case learns nothing about one."""
    check_may_view(user)
    return _get_case(user, case_id)


def get_reviewable_case(user: User, case_id: UUID) -> Case:
    """A case the user may work on; whether it is still open is for the services to say."""
    check_may_review(user)
    return _get_case(user, case_id)


def get_reviewable_cases(user: User, case_ids: Collection[UUID]) -> list[Case]:
    """Those of the cases the user may work on, as `get_reviewable_case`; ids of no such case are passed over.

    So is a case that the user reviews blind: it is decided, and must not be seen to be.
    """
    check_may_review(user)
    cases = Case.objects.select_related("claimed_by", "decided_by").filter(id__in=case_ids)
    blind = Check.objects.filter(case=OuterRef("pk"), analyst=user, decided_at=None)
    return list(cases.filter(desk_for(user).visible(), ~Exists(blind)))


def get_saved_view(user: User, view_id: int) -> SavedView:
    """A view of the queue that is the user's or shared. Raises: PermissionDenied or Http404."""
    check_may_view(user)
    view = SavedView.objects.filter(Q(owner=user) | Q(is_shared=True), id=view_id).first()
    if view is None:
        raise Http404("There is no such view.")
    return view


def get_verdict(case: Case, verdict_id: int) -> Verdict:
    """A verdict of a case that was loaded for the user. Raises: Http404."""
    try:
        return case.verdicts.select_related("analyst").get(id=verdict_id)
    except Verdict.DoesNotExist as error:
        raise Http404("The case has no such verdict.") from error


def where_it_went(load: Callable[[User, UUID], Case], user: User, case_id: UUID) -> Case:
    """The case, or the one it was merged into, which the user has to be permitted too: it may be in another queue."""
    case = load(user, case_id)
    return case if case.merged_into_id is None else load(user, follow_merges(case).id)


def follow_merges(case: Case) -> Case:
    """The case that this one went into, or itself."""
    while case.merged_into is not None:
        case = case.merged_into
    return case


def _get_case(user: User, case_id: UUID) -> Case:
    try:
        case = Case.objects.select_related("claimed_by", "decided_by", "queue__escalates_to").get(id=case_id)
    except Case.DoesNotExist as error:
        raise Http404("There is no such case.") from error
    if not desk_for(user).sees(case.queue_id):
        raise PermissionDenied("This case is in a queue that you are not a member of. A manager can add you to it.")
    return case
