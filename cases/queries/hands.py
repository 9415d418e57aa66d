"""Which people stand behind what was done: who did it, and who could have, having made the key it was done by."""

from collections.abc import Collection

from django.contrib.auth.models import User
from django.db import connection

from cases.hands import key_id_of

# Each key of a rotation was handed to whoever asked for it, and the first of them arranged for whom it acts.
_MAKERS = """
WITH RECURSIVE handed AS (
    SELECT created_by_id, rotated_from_id FROM scoring_apikey WHERE id = %s
    UNION ALL
    SELECT k.created_by_id, k.rotated_from_id FROM scoring_apikey k JOIN handed h ON k.id = h.rotated_from_id
)
SELECT DISTINCT created_by_id FROM handed WHERE created_by_id IS NOT NULL
"""


def people_behind(user_id: int, api_key_id: int | None) -> set[int]:
    """Ids of the user, and of who made or rotated the key, which had them act for the user. Never changes.

    A key that was made by command and in nobody's name has nobody behind it but its user.
    """
    if api_key_id is None:
        return {user_id}
    with connection.cursor() as cursor:
        cursor.execute(_MAKERS, [api_key_id])
        return {user_id, *(maker for (maker,) in cursor.fetchall())}


def people_behind_actor(actor: User) -> set[int]:
    """The same of who acts now."""
    return people_behind(actor.pk, key_id_of(actor))


def named(user_ids: Collection[int]) -> list[User]:
    return list(User.objects.filter(id__in=user_ids).order_by("username"))
