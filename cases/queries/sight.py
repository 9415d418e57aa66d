"""Reads what somebody is not to see, in one query."""

from uuid import UUID

from django.contrib.auth.models import User
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db.models import Subquery

from cases import access
from cases.models import Alert, Case, Check, Reviewer, ReviewSettings, Verdict
from cases.sight import Sight

# Said in the last seconds; were the task worker away for hours, the newest.
_MOST_UNSETTLED = 500


def sight_of(user: User) -> Sight:
    """Who decides nothing is shown everything."""
    return sight_of_reviewer(user) if access.may_review(user) else Sight(user.id)


def sight_of_reviewer(user: User) -> Sight:
    """What the desk's settings and the person's own say, which case they review blind, and what can be undone."""
    own = Reviewer.objects.filter(user=user).exclude(display="")
    held = Check.objects.filter(analyst=user, decided_at=None)
    # Those of some seconds, by an index that holds no others.
    waiting = Verdict.objects.filter(state=Verdict.State.WAITING)
    rows = ReviewSettings.objects.annotate(
        own_display=Subquery(own.values("display")[:1]),
        blind=ArraySubquery(held.values("case_id")),
        unsettled=ArraySubquery(waiting.order_by("-id").values("case_id")[:_MOST_UNSETTLED]),
    )
    row = rows.values_list("display", "own_display", "data_first_share", "salt", "blind", "unsettled").first()
    if row is None:
        # Nobody has settled anything: nobody draws or holds a review.
        return Sight(user.id)
    display, own_display, share, salt, blind, unsettled = row
    held_ids: list[UUID] = blind
    unsettled_ids: list[UUID] = unsettled
    return Sight(user.id, own_display or display, share, salt, frozenset(held_ids), frozenset(unsettled_ids))


def check_may_see_score(user: User, case: Case) -> None:
    """Raises: PermissionDenied: the case's score waits for the user's verdict."""
    if sight_of(user).hides_score(case.id, case.status):
        raise PermissionDenied("The score and its reasons are shown after the verdict on this case.")


def unsaid_payments(sight: Sight) -> list[int]:
    """Decisions of the case under blind review; no query while there is none."""
    if not sight.blind:
        return []
    return list(Alert.objects.filter(case_id__in=sight.blind).values_list("decision_id", flat=True))
