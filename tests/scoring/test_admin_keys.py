"""API keys in the admin: shown once, rotated and revoked after a question; managers do, auditors look."""

import re
from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils.timezone import now

from scoring.models import ApiKey
from scoring.services.keys import digest, issue_key, revoke_key, rotate_key
from tests.factories import DAY, NOON, make_service_account, make_user

LIST = "/admin/scoring/apikey/"
ADD_KEY = f"{LIST}add/"


@pytest.fixture
def mia(db, client) -> User:
    user = make_user("manager")
    client.force_login(user)
    return user


@pytest.fixture
def row(mia) -> ApiKey:
    return make_key("shop")


def make_key(name: str, **options) -> ApiKey:
    return ApiKey.objects.get(sha256=digest(issue_key(**{"name": name, "scopes": ["read"]} | options)))


def text_of(response) -> str:
    return response.content.decode()


def draft(**overrides) -> dict:
    """What the browser sends for a new key."""
    return {
        "name": "shop", "scopes": ["decide", "read"], "user": "", "rate_limit": "", "expires_at_0": "",
        "expires_at_1": "",
    } | overrides  # fmt: skip


def key_on(response) -> str:
    assert response.status_code == 200
    (key,) = re.findall(r"fk_[\w-]{43}", text_of(response))
    return key


def log_of(key: ApiKey) -> list[str]:
    return [entry.get_change_message() for entry in LogEntry.objects.filter(object_id=key.id).order_by("id")]


# --- adding --------------------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_kept_as_a_hash(client, mia):
    response = client.post(ADD_KEY, draft())

    key = key_on(response)
    row = ApiKey.objects.get()
    assert (row.name, row.scopes, row.sha256, row.created_by) == ("shop", ["decide", "read"], digest(key), mia)
    assert "no-store" in response["Cache-Control"]
    for url in (LIST, f"{LIST}{row.id}/change/", f"{LIST}{row.id}/history/", "/admin/"):
        assert key not in text_of(client.get(url)), url
    assert all(key not in str(session.get_decoded()) for session in Session.objects.all())
    assert all(key not in cookie.value for cookie in client.cookies.values())
    assert log_of(row) == ["Added."]


def test_a_key_gets_limit_person_and_end(client, mia):
    bot = make_service_account()

    client.post(
        ADD_KEY,
        draft(scopes=["cases"], user=str(bot.id), rate_limit="20", expires_at_0="2999-01-02", expires_at_1="03:04"),
    )

    row = ApiKey.objects.get()
    assert (row.user, row.rate_limit, row.expires_at) == (bot, 20, datetime(2999, 1, 2, 3, 4, tzinfo=UTC))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"scopes": []}, "required"),
        ({"scopes": ["root"]}, "Select a valid choice"),
        ({"scopes": ["cases"]}, "acts for a person: choose one"),
        ({"user": "999999"}, "Select a valid choice"),
        ({"rate_limit": "0"}, "At least 1"),
        ({"rate_limit": "-1"}, "greater than or equal to 0"),
        ({"rate_limit": "9" * 30}, "less than or equal to"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "in the past"),
        ({"expires_at_0": "soon", "expires_at_1": "00:00"}, "valid date"),
        ({"name": "a\x00b"}, "Null characters"),
        ({"name": ""}, "required"),
        ({"name": "x" * 65}, "at most 64"),
    ],
)
def test_a_key_that_cannot_be_is_refused_with_the_reason(client, mia, given, words):
    response = client.post(ADD_KEY, draft(**given))

    assert response.status_code == 200
    assert words in text_of(response)
    assert "Constraint" not in text_of(response)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("who", ["superuser", "former"])
def test_a_manager_s_key_acts_for_no_superuser_and_nobody_who_left(client, mia, who):
    person = User.objects.create_user("root", is_superuser=who == "superuser", is_active=who != "former")

    response = client.post(ADD_KEY, draft(scopes=["cases"], user=str(person.id)))

    assert "Select a valid choice" in text_of(response)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("role", ["analyst", "lead"])
def test_a_manager_s_key_acts_for_nobody_who_may_do_more(client, mia, role):
    person = make_user(role)

    response = client.post(ADD_KEY, draft(scopes=["cases"], user=str(person.id)))

    assert "Select a valid choice" in text_of(response)
    assert not ApiKey.objects.exists()


# --- rotating ------------------------------------------------------------------------------------------------------


def test_a_key_is_rotated_after_the_question_for_how_long_the_old_one_works(client, mia, row):
    url = f"{LIST}{row.id}/rotate/"
    assert 'value="7"' in text_of(client.get(url))

    key = key_on(client.post(url, {"days": "2"}))

    new = ApiKey.objects.get(sha256=digest(key))
    row.refresh_from_db()
    assert (new.rotated_from, new.created_by, new.name) == (row, mia, "shop")
    assert now() + 1.9 * DAY < row.expires_at < now() + 2 * DAY
    assert log_of(row) == [f"Rotated: followed by {new}."]
    assert log_of(new) == [f"Issued in place of {row}."]
    assert str(new) in text_of(client.get(f"{LIST}{row.id}/change/"))


def test_a_manager_gets_no_superuser_s_key_by_rotating_it(client, mia):
    key = make_key("bot", scopes=["cases"], user=User.objects.create_superuser("root"))

    response = client.post(f"{LIST}{key.id}/rotate/", {"days": "7"})

    assert response.status_code == 422
    assert "mia may hand out no key that acts for root" in text_of(response)
    assert "fk_" not in text_of(response).replace(key.prefix, "")
    assert list(ApiKey.objects.values_list("id", "expires_at")) == [(key.id, None)]


@pytest.mark.parametrize("days", ["-1", "91", "", "x", "9" * 30])
def test_an_overlap_that_cannot_be_is_refused(client, row, days):
    response = client.post(f"{LIST}{row.id}/rotate/", {"days": days})

    assert response.status_code == 422
    assert ApiKey.objects.count() == 1


def test_a_page_sent_twice_makes_one_key(client, row):
    url = f"{LIST}{row.id}/rotate/"
    client.post(url, {"days": "7"})

    again = client.post(url, {"days": "7"})

    assert again.status_code == 422
    assert "was rotated already" in text_of(again)
    assert ApiKey.objects.count() == 2


def test_from_the_list_one_key_at_a_time_is_rotated(client, row):
    one = client.post(LIST, {"action": "rotate", "_selected_action": [row.id]})
    two = client.post(LIST, {"action": "rotate", "_selected_action": [row.id, make_key("x").id]}, follow=True)

    assert one["Location"] == f"{LIST}{row.id}/rotate/"
    assert "Choose one key" in text_of(two)


# --- revoking ------------------------------------------------------------------------------------------------------


def test_keys_are_revoked_after_a_question(client, mia, row):
    other = make_key("other")
    chosen = {"action": "revoke", "_selected_action": [row.id, other.id]}

    question = client.post(LIST, chosen)
    assert all(str(key) in text_of(question) for key in (row, other))
    assert not ApiKey.objects.exclude(revoked_at=None).exists()
    client.post(LIST, chosen | {"confirmed": "yes"})

    for key in (row, other):
        key.refresh_from_db()
        assert key.revoked_at is not None
        assert key.revoked_by == mia
        assert log_of(key) == ["Revoked."]


def test_the_page_of_a_key_leads_to_the_question(client, row):
    page = text_of(client.get(f"{LIST}{row.id}/change/"))
    assert f"{LIST}{row.id}/rotate/" in page
    assert f"{LIST}{row.id}/revoke/" in page

    question = text_of(client.get(f"{LIST}{row.id}/revoke/"))

    assert f'name="_selected_action" value="{row.id}"' in question
    assert 'name="confirmed"' in question


def test_a_key_revoked_before_is_left_as_it_is(client, row):
    revoke_key(row, at=NOON)

    response = client.post(LIST, {"action": "revoke", "_selected_action": [row.id], "confirmed": "y"}, follow=True)

    row.refresh_from_db()
    assert (row.revoked_at, row.revoked_by) == (NOON, None)
    assert "Revoked: 0." in text_of(response)
    assert log_of(row) == []
    assert f"{LIST}{row.id}/rotate/" not in text_of(client.get(f"{LIST}{row.id}/change/"))


# --- who may -------------------------------------------------------------------------------------------------------


def test_a_key_is_never_edited_or_deleted(client, row):
    assert client.post(f"{LIST}{row.id}/change/", draft(name="other")).status_code == 403
    assert client.post(f"{LIST}{row.id}/delete/", {"post": "yes"}).status_code == 403

    row.refresh_from_db()
    assert row.name == "shop"


def test_an_auditor_sees_keys_and_their_history_and_changes_none(client, db):
    row = make_key("shop")
    rotate_key(make_key("rotated"), at=now(), by=None)
    client.force_login(make_user("auditor"))

    page = text_of(client.get(f"{LIST}{row.id}/change/"))

    assert row.prefix in page
    assert row.sha256 not in page
    assert "/rotate/" not in page
    assert client.get(f"{LIST}{row.id}/history/").status_code == 200
    for method, url in (("get", "rotate"), ("post", "rotate"), ("get", "revoke")):
        assert getattr(client, method)(f"{LIST}{row.id}/{url}/", {"days": "1"}).status_code == 403
    client.post(LIST, {"action": "revoke", "_selected_action": [row.id], "confirmed": "yes"})
    row.refresh_from_db()
    assert row.revoked_at is None


@pytest.mark.parametrize("part", ["rotate", "revoke"])
@pytest.mark.parametrize("role", ["analyst", "lead", None])
def test_others_stay_outside(client, db, part, role):
    row = make_key("shop")
    client.force_login(make_user(role))

    response = client.get(f"{LIST}{row.id}/{part}/")

    assert response.status_code == 302
    assert "/admin/login/" in response["Location"]


@pytest.mark.parametrize("part", ["rotate", "revoke"])
@pytest.mark.parametrize("key_id", ["999999", "x", "_00"])
def test_a_key_that_is_not_there_is_not_found(client, mia, part, key_id):
    assert client.get(f"{LIST}{key_id}/{part}/").status_code == 404


def test_hostile_names_are_text_and_no_page_needs_a_script_of_its_own(client, mia):
    row = make_key("<script>alert(1)</script>")
    urls = [LIST, f"{LIST}{row.id}/change/", f"{LIST}{row.id}/rotate/", f"{LIST}{row.id}/revoke/"]
    pages = [client.get(url) for url in urls] + [client.post(f"{LIST}{row.id}/rotate/", {"days": "1"})]

    for page in pages:
        assert page.status_code == 200
        assert "<script>" not in text_of(page)
        assert not re.search(r" style=| on\w+=", text_of(page))
        assert "script-src 'self'" in page["Content-Security-Policy"]
