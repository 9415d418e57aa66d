"""API keys: issued, rotated, revoked, and what a call with each is told."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from scoring.models import ApiKey
from scoring.services.keys import KeyEndedError, digest, issue_key, revoke_key, rotate_key
from tests.factories import DAY, HOUR, NOON, make_service_account, make_user
from tests.scoring.api_calls import DECISIONS, LABELS, Caller, problem_of

pytestmark = pytest.mark.django_db
WEEK = 7 * DAY


def row_of(key: str) -> ApiKey:
    return ApiKey.objects.get(sha256=digest(key))


def issue(**overrides) -> ApiKey:
    return row_of(issue_key(**{"name": "shop", "scopes": ["read"]} | overrides))


@pytest.fixture
def mia() -> User:
    return make_user("manager")


# --- issue ---------------------------------------------------------------------------------------------------------


def test_a_key_is_kept_as_its_hash_with_all_that_was_said(mia):
    bot = make_service_account()
    key = issue_key(name="shop", scopes=["cases", "read"], user=bot, expires_at=NOON, rate_limit=50, created_by=mia)

    row = row_of(key)
    assert key.startswith("fk_")
    assert (row.name, row.prefix, row.scopes) == ("shop", key[:12], ["read", "cases"])
    assert (row.user, row.expires_at, row.rate_limit, row.created_by) == (bot, NOON, 50, mia)
    assert (row.last_used_at, row.revoked_at, row.rotated_from) == (None, None, None)
    assert key not in str(vars(row))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"scopes": ["root"]}, "There is no scope root"),
        ({"scopes": ["cases"]}, "name a user"),
        ({"rate_limit": 0}, "at least 1"),
    ],
)
def test_a_key_that_cannot_be_is_refused_with_the_reason(given, words):
    with pytest.raises(ValueError, match=words):
        issue(**given)

    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    "values", [{"scopes": ["root"]}, {"scopes": ["read", "cases"]}, {"rate_limit": 0}, {"sha256": "taken"}]
)
def test_the_database_refuses_what_no_key_may_be(values):
    ApiKey.objects.create(name="x", prefix="x", sha256="taken", scopes=["decide", "label", "read"])

    with pytest.raises(IntegrityError), transaction.atomic():
        ApiKey.objects.create(**{"name": "y", "prefix": "y", "sha256": "other"} | values)


# --- rotate --------------------------------------------------------------------------------------------------------


def test_the_new_key_has_the_rights_of_the_old_one_which_works_for_the_overlap(mia):
    old = issue(scopes=["cases"], user=make_service_account(), rate_limit=5)

    new = row_of(rotate_key(old, at=NOON, by=mia))

    old.refresh_from_db()
    for name in ("name", "scopes", "user", "rate_limit"):
        assert getattr(new, name) == getattr(old, name), name
    assert (new.rotated_from, new.created_by, new.expires_at) == (old, mia, None)
    assert old.expires_at == NOON + WEEK
    assert old.replaced_by == new


def test_without_an_overlap_the_old_key_ends_at_once():
    old = issue()
    rotate_key(old, overlap=0 * DAY, at=NOON, by=None)

    old.refresh_from_db()
    assert old.why_ended(NOON) == "has expired"


def test_an_overlap_lets_no_key_live_longer_than_it_would_have():
    old = issue(expires_at=NOON + DAY)
    rotate_key(old, overlap=WEEK, at=NOON, by=None)

    old.refresh_from_db()
    assert old.expires_at == NOON + DAY


def test_a_key_that_expires_is_followed_by_one_of_as_long_a_life():
    old = issue()
    ApiKey.objects.update(created_at=NOON - 80 * DAY, expires_at=NOON + 10 * DAY)

    new = row_of(rotate_key(old, at=NOON, by=None))

    assert new.expires_at == NOON + 90 * DAY


def test_a_key_that_nearly_never_expires_can_be_rotated():
    old = issue(expires_at=datetime(9999, 12, 30, tzinfo=UTC))

    new = row_of(rotate_key(old, at=NOON, by=None))

    assert new.expires_at.year == 9999


@pytest.mark.parametrize("state", ["revoked", "expired", "rotated"])
def test_a_key_that_ended_or_was_rotated_cannot_be_rotated(state):
    old = issue()
    if state == "revoked":
        revoke_key(old, at=NOON)
    elif state == "expired":
        ApiKey.objects.update(expires_at=NOON)
    else:
        rotate_key(old, at=NOON, by=None)
    count = ApiKey.objects.count()

    with pytest.raises(KeyEndedError, match=state):
        rotate_key(old, at=NOON, by=None)

    assert ApiKey.objects.count() == count


def test_a_key_cannot_be_rotated_into_the_past():
    with pytest.raises(ValueError, match="below 0"):
        rotate_key(issue(), overlap=-DAY, at=NOON, by=None)


def test_the_database_lets_a_key_be_rotated_once():
    old = issue()
    issue(rotated_from=old)

    with pytest.raises(IntegrityError), transaction.atomic():
        issue(rotated_from=old)


# --- revoke --------------------------------------------------------------------------------------------------------


def test_the_first_who_revokes_a_key_is_remembered(mia):
    key = issue()

    assert revoke_key(key, at=NOON, by=mia)
    assert not revoke_key(key, at=NOON + HOUR, by=None)

    key.refresh_from_db()
    assert (key.revoked_at, key.revoked_by) == (NOON, mia)


# --- calls ---------------------------------------------------------------------------------------------------------


def get(client, key: str):
    return Caller(client, key).get(f"{DECISIONS}nobody/")


def test_a_key_works_from_when_it_is_issued_to_when_it_is_revoked(client):
    key = issue_key(name="shop", scopes=["read"])

    assert get(client, key).status_code == 404
    revoke_key(row_of(key), at=now())
    assert problem_of(get(client, key), 401)["detail"] == "This API key is revoked."


def test_both_keys_work_during_the_overlap(client):
    old = issue_key(name="shop", scopes=["read"])
    new = rotate_key(row_of(old), at=now(), by=None)

    assert [get(client, key).status_code for key in (old, new)] == [404, 404]
    ApiKey.objects.filter(sha256=digest(old)).update(expires_at=now())
    revoke_key(issue(), at=now())  # any change has the keys read again
    assert problem_of(get(client, old), 401)["detail"] == "This API key has expired."
    assert get(client, new).status_code == 404


def test_who_has_no_key_of_ours_is_not_told_of_others(client):
    key = issue_key(name="shop", scopes=["read"])
    revoke_key(row_of(key), at=now())

    for other in (key[:-1], key[:12], digest(key)):
        assert problem_of(get(client, other), 401)["detail"] == "This API key does not exist."


def test_a_call_is_let_in_without_a_query(client, django_assert_num_queries):
    key = issue_key(name="shop", scopes=["read"])
    get(client, key)

    with django_assert_num_queries(0):
        Caller(client, key).post(LABELS, {})  # the key lacks the scope


def test_calls_are_seen_as_the_last_use(client):
    key = issue_key(name="shop", scopes=["read"])
    before = now()
    get(client, key)

    assert before <= row_of(key).last_used_at <= now()


def test_a_key_is_in_no_log(client, caplog):
    caplog.set_level("DEBUG")
    key = issue_key(name="shop", scopes=["read"])
    get(client, key)
    get(client, f"{key}x")

    assert key not in caplog.text


# --- what watches and describes ------------------------------------------------------------------------------------


def test_the_metrics_need_a_key_of_their_scope(client):
    problem_of(client.get("/metrics"), 401)
    others = issue_key(name="x", scopes=["decide", "label", "read"])
    assert "`metrics`" in problem_of(Caller(client, others).get("/metrics"), 403)["detail"]
    assert Caller(client, issue_key(name="x", scopes=["metrics"])).get("/metrics").status_code == 200


def test_a_key_for_the_metrics_opens_no_payment(client):
    watcher = Caller(client, issue_key(name="prometheus", scopes=["metrics"]))

    problem_of(watcher.get("/api/v1/decisions/t-1/"), 403)


def test_a_console_session_does_not_open_the_metrics(client, mia):
    client.force_login(mia)

    problem_of(client.get("/metrics"), 401)


def test_the_metrics_are_open_where_the_settings_say_so(client, settings):
    settings.METRICS_ARE_OPEN = True

    assert client.get("/metrics").status_code == 200


@pytest.mark.parametrize("accept", ["text/plain;version=0.0.4", "application/openmetrics-text", "text/html", "x"])
def test_prometheus_gets_its_text_whatever_it_asks_for(client, accept):
    key = issue_key(name="prometheus", scopes=["metrics"])
    response = client.get("/metrics", headers={"Authorization": f"Bearer {key}", "Accept": accept})

    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("scope", ["decide", "label", "read"])
def test_any_key_opens_the_schema(client, scope):
    assert Caller(client, issue_key(name="x", scopes=[scope])).get("/api/schema/").status_code == 200


def test_who_is_signed_in_to_the_console_sees_the_schema_and_nobody_else(client):
    problem_of(client.get("/api/schema/"), 401)
    client.force_login(make_user())

    assert client.get("/api/schema/").status_code == 200
