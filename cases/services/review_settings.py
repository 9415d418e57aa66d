"""What leads and managers set for reviews."""

from collections.abc import Mapping

from django.contrib.auth.models import User
from django.db import transaction

from cases.models import Display, Reviewer, ReviewSettings
from cases.services.traces import record_change


def current_settings() -> ReviewSettings:
    """The one row; it is made, with a salt of its own, when somebody first asks."""
    return ReviewSettings.objects.get_or_create(id=1)[0]


@transaction.atomic
def change_settings(*, values: Mapping[str, object], displays: Mapping[int, str], actor: User | None = None) -> None:
    """Set the desk's shares and rates, and what differs for each person by id (empty: nothing).

    They act on claims and verdicts from now on; what was drawn or shown before stays. What an `actor` changes stands in
    the history of the row, before and after.
    """
    before = ReviewSettings.objects.select_for_update().get(id=current_settings().id)
    old = {name: getattr(before, name) for name in values}
    changes = [f"{name}: {old[name]} to {value}" for name, value in values.items() if old[name] != value]
    ReviewSettings.objects.filter(id=before.id).update(**values)
    for user_id, display in displays.items():
        reviewer, _ = Reviewer.objects.get_or_create(user_id=user_id)
        if reviewer.display != display:
            changes.append(f"{reviewer.user}: {_shown(reviewer.display)} to {_shown(display)}")
            Reviewer.objects.filter(id=reviewer.id).update(display=display)
    if actor is not None and changes:
        record_change(before, actor=actor, text="; ".join(changes))


def _shown(display: str) -> str:
    return Display(display).label.lower() if display else "as the desk"
