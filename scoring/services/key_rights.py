"""For whom a person may let an API key act: nobody gets further through a key than they get themselves."""

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet

WHOM = "yourself, a service account (one whose password is disabled), or a person who may do nothing that you may not"


class MayNotActForError(PermissionDenied):
    """A key that acts for this user is not theirs to hand out; nothing changed. Says why and for whom it could act."""


def people_for(giver: User) -> QuerySet[User]:
    """Whom a key may act for that `giver` hands out, by name."""
    people = User.objects.filter(is_active=True).order_by("username")
    if giver.is_superuser:
        return people
    held = Permission.objects.filter(Q(user=giver) | Q(group__user=giver))
    more = Permission.objects.exclude(id__in=held.values("id")).values("id")
    gets_further = Q(user_permissions__in=more) | Q(groups__permissions__in=more)
    no_further = ~Q(id__in=User.objects.filter(gets_further).values("id"))
    # An account that nobody can sign in to is no person whose deeds could be feigned.
    return people.filter(no_further | Q(password__startswith=UNUSABLE_PASSWORD_PREFIX), is_superuser=False)


def check_may_act_for(user: User | None, *, giver: User | None) -> None:
    """Without a `giver` it is done from the shell, by who may do everything.

    Raises:
        MayNotActForError: `giver` may not hand out a key that acts for `user`.
    """
    if user is None or giver is None or people_for(giver).filter(id=user.id).exists():
        return
    raise MayNotActForError(f"{giver} may hand out no key that acts for {user}. It may act for: {WHOM}.")
