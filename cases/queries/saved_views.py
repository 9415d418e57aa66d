"""The views of the queue that keep a filter under a name."""

from collections.abc import Mapping

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q

from cases.board import FilterForm
from cases.models import DefaultView, SavedView


def saved_views_of(user: User) -> list[SavedView]:
    """The user's and the shared ones, by name; each says whether it `is_default` for the user."""
    is_default = Exists(DefaultView.objects.filter(user=user, view=OuterRef("pk")))
    visible = SavedView.objects.filter(Q(owner=user) | Q(is_shared=True))
    return list(visible.annotate(is_default=is_default).order_by("-is_shared", "name", "id"))


def chosen_view(views: list[SavedView], address: Mapping[str, str]) -> SavedView | None:
    """The saved view an address names, or with no wish in it the default one; None when it names none of these."""
    if "saved" in address:
        return next((view for view in views if str(view.id) == address["saved"]), None)
    has_wish = any(name in FilterForm.base_fields for name in address)
    return None if has_wish else next((view for view in views if view.is_default), None)  # type: ignore[attr-defined]
