"""What leads and managers set for reviews."""

from collections.abc import Mapping

from django.db import transaction

from cases.models import Reviewer, ReviewSettings


def current_settings() -> ReviewSettings:
    """The one row; it is made, with a salt of its own, when somebody first asks."""
    return ReviewSettings.objects.get_or_create(id=1)[0]


@transaction.atomic
def change_settings(*, values: Mapping[str, object], displays: Mapping[int, str]) -> None:
    """Set the desk's shares and rates, and what differs for each person by id (empty: nothing).

    They act on claims and verdicts from now on; what was drawn or shown before stays.
    """
    current_settings()
    ReviewSettings.objects.filter(id=1).update(**values)
    for user_id, display in displays.items():
        Reviewer.objects.update_or_create(user_id=user_id, defaults={"display": display})
