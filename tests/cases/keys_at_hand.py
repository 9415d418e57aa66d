"""Keys of one user that different people made."""

from cases.hands import act_by_key
from scoring.models import ApiKey
from scoring.services.keys import digest, issue_key


def key_for(user, maker) -> tuple[str, ApiKey]:
    key = issue_key(name="bot", scopes=["cases"], user=user, created_by=maker)
    return key, ApiKey.objects.get(sha256=digest(key))


def hand_of(user, maker):
    """The user, for whom a program acts by a key of the maker."""
    return act_by_key(type(user).objects.get(id=user.id), key_for(user, maker)[1].id)
