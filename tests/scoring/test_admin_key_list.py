"""The list of API keys in the admin: how each stands, and finding them."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.utils.timezone import now

from scoring.admin.key_list import state_in_words
from scoring.models import ApiKey
from scoring.services.keys import revoke_key
from tests.factories import DAY, NOON, make_user
from tests.scoring.test_admin_keys import LIST, make_key, text_of


@pytest.fixture(autouse=True)
def _mia(db, client) -> None:
    client.force_login(make_user("manager"))


def test_the_list_tells_of_each_key_how_it_stands(client):
    make_key("fresh", scopes=["decide", "read"])
    ApiKey.objects.update(last_used_at=datetime(2026, 11, 20, 12, 34, tzinfo=UTC))
    make_key("ending", expires_at=now() + 3.5 * DAY, user=make_user())
    revoke_key(make_key("gone"), at=now())

    page = text_of(client.get(LIST))

    for words in ("decide, read", "Nov. 20, 2026, 12:34", "expires in 3 days", "alice", "revoked", "never"):
        assert words in page, words


def test_a_state_is_said_in_words():
    def words(**values) -> str:
        return state_in_words(ApiKey(**values), NOON)

    assert words() == "active"
    assert words(expires_at=NOON + 3 * DAY) == "expires in 3 days"
    assert words(expires_at=NOON) == "expired"
    assert words(user=User(is_active=False)) == "account closed"
    assert words(expires_at=NOON, revoked_at=NOON) == "revoked"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("state=active", {"used", "unused", "ending", "far"}),
        ("state=expiring", {"ending"}),
        ("state=unused", {"unused", "ending", "far"}),
        ("state=expired", {"expired"}),
        ("state=revoked", {"revoked"}),
        ("state=closed", {"left"}),
        ("state=nonsense", {"used", "unused", "ending", "far", "expired", "revoked", "left"}),
        ("scope=label", {"used"}),
        ("q=unus", {"unused"}),
        ("q=alice", {"left"}),
    ],
)
def test_keys_are_found_by_state_scope_and_text(client, query, names):
    make_key("used", scopes=["label"])
    ApiKey.objects.update(last_used_at=NOON)
    make_key("unused")
    make_key("ending", expires_at=now() + DAY)
    make_key("far", expires_at=now() + 90 * DAY)
    make_key("expired", expires_at=now() - DAY)
    revoke_key(make_key("revoked", expires_at=now() - DAY), at=now())
    make_key("left", user=make_user())
    User.objects.filter(username="alice").update(is_active=False)

    found = client.get(f"{LIST}?{query}").context["cl"].queryset

    assert {key.name for key in found} == names
