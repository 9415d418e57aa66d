"""Keeps filters of the queue under a name."""

from collections.abc import Mapping

from django.contrib.auth.models import User
from django.db import connection, transaction

from cases.models import DefaultView, SavedView

# Each is counted at every look at the queue.
MAX_OWN, MAX_SHARED = 8, 8
# Numbers one transaction-long advisory lock: views are counted and added one person at a time.
_LOCK = 4_201_002


class NameTakenError(Exception):
    """The person has another view of this name; nothing changed."""


class TooManyViewsError(Exception):
    """As many views of this kind as there may be; nothing changed."""


class NotYoursError(Exception):
    """The view is another person's, and not shared with whoever may change shared ones; nothing changed."""


@transaction.atomic
def save(
    *, owner: User, name: str, filters: Mapping[str, str], is_shared: bool = False, is_default: bool = False
) -> SavedView:
    """Keep a filter under a name; `filters` are the `values()` of a valid form.

    Raises:
        NameTakenError: rename or delete the other first.
        TooManyViewsError: eight of one's own, and eight the desk shares.
    """
    _lock()
    _check_name(owner, name)
    _check_room(owner, is_shared=is_shared)
    view = SavedView.objects.create(owner=owner, name=name, filters=dict(filters), is_shared=is_shared)
    if is_default:
        set_default(view, user=owner)
    return view


@transaction.atomic
def change(view: SavedView, *, actor: User, name: str, is_shared: bool, may_share: bool) -> None:
    """Give the view another name, share it or take it back. `may_share`: the actor may change what is shared.

    Raises:
        NotYoursError, NameTakenError, TooManyViewsError: nothing changed.
    """
    _lock()
    _check_hers(view, actor, may_share=may_share)
    current = SavedView.objects.select_for_update().get(id=view.id)
    if name != current.name:
        _check_name(current.owner, name)
    if is_shared != current.is_shared:
        _check_room(current.owner, is_shared=is_shared)
    SavedView.objects.filter(id=view.id).update(name=name, is_shared=is_shared)
    if not is_shared:
        DefaultView.objects.filter(view=view).exclude(user=current.owner).delete()


def delete(view: SavedView, *, actor: User, may_share: bool) -> None:
    """Forget the view, also where it is somebody's default. Raises: NotYoursError."""
    _check_hers(view, actor, may_share=may_share)
    view.delete()


def set_default(view: SavedView | None, *, user: User) -> None:
    """Open the user's queue with the view, or again with all cases."""
    if view is None:
        DefaultView.objects.filter(user=user).delete()
    else:
        DefaultView.objects.update_or_create(user=user, defaults={"view": view})


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _check_hers(view: SavedView, actor: User, *, may_share: bool) -> None:
    if view.owner_id != actor.id and not (view.is_shared and may_share):
        raise NotYoursError(view.id)


def _check_name(owner: User, name: str) -> None:
    if SavedView.objects.filter(owner=owner, name=name).exists():
        raise NameTakenError(name)


def _check_room(owner: User, *, is_shared: bool) -> None:
    kind = {"is_shared": True} if is_shared else {"is_shared": False, "owner": owner}
    if SavedView.objects.filter(**kind).count() >= (MAX_SHARED if is_shared else MAX_OWN):
        raise TooManyViewsError(owner.id)
