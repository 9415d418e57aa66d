"""The scoring API, call by call: what it does, and every way to get it wrong."""

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.utils.timezone import now

from scoring.features.definitions import VERSION
from scoring.models import ApiKey, Decision, Label
from scoring.services import decider
from scoring.services.features import settle_features
from scoring.services.keys import SCOPES, issue_key, revoke_key
from scoring.services.labels import LABELS_WRITER, apply_labels
from scoring.services.store import batch_store, sync_store
from scoring.transaction import MAX_BODY_BYTES
from tests.factories import NOON, make_decision, make_user
from tests.scoring.api_calls import DECISIONS, LABELS, Caller, fields_named, problem_of
from tests.scoring.payments import body_of, fields_of

HOSTILE = [
    "<script>alert(1)</script>", "'; DROP TABLE scoring_decision; --", "\u202egnp.exe", "{{7*7}}", "%s%n", "\\", "🏴‍☠️",
    "\x7f\x01", "null", "../../etc/passwd",
]  # fmt: skip


# --- decide --------------------------------------------------------------------------------------------------------


def test_a_payment_is_decided_and_what_is_answered_is_what_is_stored(api):
    response = api.post(DECISIONS, body_of(transaction_id="x", amount=2000))

    answer = response.json()
    assert response.status_code == 201
    assert answer.keys() == {
        "transaction_id", "outcome", "score", "anomaly_score", "reasons", "rule_hits", "model_version",
        "policy_version", "decided_at", "latency_ms", "degraded", "card_id", "rule_failures",
    }  # fmt: skip
    assert answer["outcome"] == "review"
    assert answer["reasons"] == [{"code": "large", "words": "The amount is 2,000.00 EUR"}]
    assert answer["degraded"] == ["model"]
    stored = api.get(f"{DECISIONS}x/").json()
    assert {name: stored[name] for name in answer} == answer


def test_the_same_payment_again_gets_the_stored_decision(api):
    first = api.post(DECISIONS, body_of(transaction_id="x", amount="10.0", extra={"a": 1, "b": 2}))
    again = api.post(DECISIONS, body_of(transaction_id="x", amount=10.00, extra={"b": 2, "a": 1}))

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert Decision.objects.count() == 1


def test_another_payment_under_the_same_id_is_a_conflict(api):
    api.post(DECISIONS, body_of(transaction_id="x"))

    response = api.post(DECISIONS, body_of(transaction_id="x", amount="99"))

    assert fields_named(response, 409) == {"transaction_id"}
    assert Decision.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b" ", ""), (b"{", ""), (b"[]", ""), (b"\xff", ""), (b"[" * 10_000, ""), (body_of(amount="-1"), "amount"),
        (body_of(nope=1), "nope"), (body_of(card_id="4111111111111111"), "card_id"),
        (body_of(latitude=1.0), "longitude"), (body_of()[:-1] + b', "amount" :"1"}', "amount"),
        (body_of(merchant_name="a\x00"), "merchant_name"), (b'{"\\u0000": 1}', "\ufffd"),
        (body_of(**{"a `b": 1}), "a `b"),
        (body_of(extra={"a": "x" * MAX_BODY_BYTES}), ""), (body_of(ip_address="fe80::1%eth0"), "ip_address"),
    ],
)  # fmt: skip
def test_what_is_no_payment_is_refused_with_its_field(api, body, field):
    assert fields_named(api.post(DECISIONS, body)) == {field}
    assert not Decision.objects.exists()


def test_a_card_number_is_not_in_the_answer(api, caplog):
    response = api.post(DECISIONS, body_of(card_id="4111111111111111"))

    assert b"4111" not in response.content
    assert "4111" not in caplog.text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_kept_as_text(api, text):
    response = api.post(DECISIONS, body_of(transaction_id="x", merchant_name=text, extra={text: [text]}))

    assert response.status_code == 201
    assert api.get(f"{DECISIONS}x/").json()["transaction"]["merchant_name"] == text


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
@pytest.mark.parametrize("url", [DECISIONS, LABELS])
def test_only_json_is_read(api, url, content_type):
    problem_of(api.post(url, body_of(), content_type=content_type), 415)


def test_json_may_name_its_charset(api):
    assert api.post(DECISIONS, body_of(), content_type="application/json; charset=utf-8").status_code == 201


def test_without_a_policy_the_answer_is_to_come_back(db, client):
    response = Caller(client, issue_key(name="shop", scopes=["decide"])).post(DECISIONS, body_of())

    problem_of(response, 503)
    assert response["Retry-After"]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_fails_while_deciding_gives_no_decision(api, monkeypatch, error):
    def fail(*arguments, **options):
        raise error("gone")

    monkeypatch.setattr(decider, "decide_transactions", fail)

    response = api.post(DECISIONS, body_of())

    assert "may have been recorded; send it again" in problem_of(response, 503)["detail"]
    assert response["Retry-After"]


@pytest.mark.parametrize(("method", "url"), [("post", DECISIONS), ("post", LABELS), ("get", f"{DECISIONS}x/")])
def test_a_database_that_is_away_is_told_before_anything_else(api, method, url):
    def fail(execute, sql, params, many, context):
        raise OperationalError("gone")

    with connection.execute_wrapper(fail):
        response = api.post(url, body_of()) if method == "post" else api.get(url)

    problem_of(response, 503)
    assert response["Retry-After"]


def test_without_the_feature_store_the_decision_says_so(api, monkeypatch, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    response = api.post(DECISIONS, body_of())

    assert response.status_code == 201
    assert response.json()["degraded"] == ["features", "model"]
    sync_store.cache_clear()


# --- who may -------------------------------------------------------------------------------------------------------

CALLS = [("post", DECISIONS, "decide"), ("get", f"{DECISIONS}x/", "read"), ("post", LABELS, "label")]


def call(caller: Caller, method: str, url: str):
    return caller.post(url, body_of()) if method == "post" else caller.get(url)


@pytest.mark.parametrize(("method", "url", "scope"), CALLS)
@pytest.mark.parametrize("key", ["", "fk_wrong", "é", "a b"])
def test_without_a_key_nothing_opens(api, client, method, url, scope, key):
    response = call(Caller(client, key), method, url)

    problem_of(response, 401)
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "url", "scope"), CALLS)
def test_a_revoked_key_opens_nothing(api, client, method, url, scope):
    revoke_key(ApiKey.objects.get(), at=now())

    problem_of(call(api, method, url), 401)


@pytest.mark.parametrize(("method", "url", "scope"), CALLS)
def test_a_key_opens_only_its_scopes(api, client, method, url, scope):
    others = [name for name in SCOPES if name != scope]

    refused = call(Caller(client, issue_key(name="narrow", scopes=others, user=make_user())), method, url)
    let_in = call(Caller(client, issue_key(name="right", scopes=[scope])), method, url)

    assert scope in problem_of(refused, 403)["detail"]
    assert let_in.status_code not in (401, 403)


@pytest.mark.parametrize(("method", "url", "scope"), CALLS)
def test_a_browser_session_opens_nothing(api, client, method, url, scope):
    client.force_login(make_user("manager"))

    problem_of(call(Caller(client, ""), method, url), 401)


@pytest.mark.parametrize("header", ["Basic YTpi", "Token x", "Bearer", "Bearer ", "bearer\tx"])
def test_another_way_to_authenticate_is_refused(api, client, header):
    problem_of(client.get(f"{DECISIONS}x/", headers={"Authorization": header}), 401)


@pytest.mark.parametrize(
    ("method", "url"),
    [("get", DECISIONS), ("put", DECISIONS), ("delete", f"{DECISIONS}x/"), ("post", f"{DECISIONS}x/"), ("get", LABELS)],
)
def test_a_method_that_is_not_there_is_told(api, client, method, url):
    response = getattr(client, method)(url, headers=api.headers, content_type="application/json")

    problem_of(response, 405)


# --- look up -------------------------------------------------------------------------------------------------------


def test_a_decision_is_shown_with_payment_features_and_versions(api):
    sent = fields_of(transaction_id="x", merchant_name="Café")
    api.post(DECISIONS, sent)

    shown = api.get(f"{DECISIONS}x/").json()

    assert shown["transaction"]["merchant_name"] == "Café"
    assert shown["transaction"]["amount"] == "12.50"
    assert shown["features"]["amount"] == 12.5
    assert shown["features"]["card_km"] is None
    assert shown["feature_version"] == VERSION


@pytest.mark.parametrize("name", ["nobody", "%00", "a%00b", "%F0%9F%98%80", "x" * 500, "'%20OR%201=1"])
def test_a_payment_never_decided_is_not_found(api, name):
    problem_of(api.get(f"{DECISIONS}{name}/"), 404)


# --- label ---------------------------------------------------------------------------------------------------------


def statement(**overrides):
    return {
        "transaction_id": "x", "label": "fraud", "source": "chargeback", "known_at": "2026-11-20T12:00:00Z",
    } | overrides  # fmt: skip


def test_a_label_is_kept_once(api):
    make_decision(transaction_id="x")

    first, again = (api.post(LABELS, statement(note="called")) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() == statement(note="called", asserted_at=None, reason="")
    label = Label.objects.get()
    assert (label.label, label.source, label.known_at, label.note) == ("fraud", "chargeback", NOON, "called")


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"transaction_id": "nobody"}, "transaction_id"), ({"transaction_id": "a\x00"}, "transaction_id"),
        ({"transaction_id": "x" * 65}, "transaction_id"), ({"transaction_id": None}, "transaction_id"),
        ({"label": "maybe"}, "label"), ({"source": "rumour"}, "source"), ({"known_at": "soon"}, "known_at"),
        ({"known_at": "2999-01-01T00:00:00Z"}, "known_at"), ({"known_at": "2026-11-20T12:00:00"}, "known_at"),
        ({"known_at": "0001-01-01T00:00:00+23:59"}, "known_at"),
        ({"note": "x" * 501}, "note"), ({"note": "a\x00"}, "note"), ({"note": "\ud800"}, "note"),
        ({"note": {"a": 1}}, "note"),
    ],
)  # fmt: skip
def test_a_label_that_is_none_is_refused_with_its_field(api, overrides, field):
    make_decision(transaction_id="x")

    assert fields_named(api.post(LABELS, statement(**overrides))) == {field}
    assert not Label.objects.exists()


@pytest.mark.parametrize("field", ["transaction_id", "label", "source", "known_at"])
def test_a_label_must_be_whole(api, field):
    body = statement()
    del body[field]

    assert fields_named(api.post(LABELS, body)) == {field}


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 2000, b"\xff", b'{"a": NaN}'])
def test_a_label_that_is_no_json_is_refused(api, body):
    assert api.post(LABELS, body).status_code in (400, 422)


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1"])
def test_a_label_that_is_no_object_is_refused(api, body):
    problem_of(api.post(LABELS, body), 422)


def test_a_label_changes_the_risk_that_the_next_payment_meets(api):
    api.post(DECISIONS, body_of(transaction_id="x"))
    before = api.get(f"{DECISIONS}x/").json()["features"]
    api.post(LABELS, statement())
    apply_labels([Label.objects.get().id])
    settle_features(LABELS_WRITER, store=batch_store())

    api.post(DECISIONS, body_of(transaction_id="y"))

    after = api.get(f"{DECISIONS}y/").json()["features"]
    assert (before["merchant_fraud_rate_7d"], before["device_frauds_30d"]) == (None, 0.0)
    assert (after["merchant_fraud_rate_7d"], after["device_frauds_30d"]) == (1.0, 1.0)
