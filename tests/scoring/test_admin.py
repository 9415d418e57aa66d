"""The admin: managers publish, auditors look, analysts stay outside."""

import re

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User

from scoring.features.definitions import NAMES, VERSION
from scoring.models import ApiKey, ListEntry, Policy
from streams.models import DeadLetter
from tests.factories import make_decision, make_label, make_user
from tests.scoring.payments import HUGE, LARGE, publish
from tests.scoring.test_admin_keys import ADD_KEY
from tests.scoring.test_admin_lists import ADD_ENTRY

ADD_POLICY = "/admin/scoring/policy/add/"
ALL_LISTS = ["decision", "label", "policy", "listentry", "listchange", "apikey", "modelversion"]


@pytest.fixture
def mia(db, client) -> User:
    user = make_user("manager")
    client.force_login(user)
    return user


def draft(*rules: dict, **overrides) -> dict:
    """What the browser sends for a new version."""
    data = {
        "review_threshold": "0.4", "decline_threshold": "0.8", "note": "stricter", "based_on": "1",
        "rules-TOTAL_FORMS": str(len(rules)), "rules-INITIAL_FORMS": "0",
    }  # fmt: skip
    for i, rule in enumerate(rules):
        row = {"code": f"rule-{i}", "expression": "amount > 5", "outcome": "review", "words": "x", "is_enabled": "on"}
        data |= {f"rules-{i}-{name}": value for name, value in (row | rule).items()}
    return data | overrides


def text_of(response) -> str:
    return response.content.decode()


# --- policy --------------------------------------------------------------------------------------------------------


def test_a_new_version_starts_as_a_copy_of_the_live_one(client, live, mia):
    page = text_of(client.get(ADD_POLICY))

    for rule in (LARGE, HUGE):
        assert rule.expression.replace(">", "&gt;") in page
        assert f'value="{rule.code}"' in page
    assert re.search(r'name="review_threshold"[^>]*value="0.5"|value="0.5"[^>]*name="review_threshold"', page)
    assert re.search(r'<input type="hidden" name="based_on" value="1"', page)


def test_a_manager_publishes_the_next_version_with_its_rules(client, live, mia):
    response = client.post(ADD_POLICY, draft({"code": "large"}, {"expression": "score > 0.9", "outcome": "decline"}))

    assert response.status_code == 302
    policy = Policy.objects.get(version=2)
    assert (policy.review_threshold, policy.decline_threshold, policy.note) == (0.4, 0.8, "stricter")
    assert policy.published_by == mia
    assert list(policy.rules.order_by("code").values_list("code", "expression", "outcome")) == [
        ("large", "amount > 5", "review"), ("rule-1", "score > 0.9", "decline"),
    ]  # fmt: skip
    assert live.rules.count() == 2


def test_what_the_page_offers_unchanged_is_published_whole(client, live, mia):
    page = client.get(ADD_POLICY)
    formset = page.context["inline_admin_formsets"][0].formset
    rules = [{name: value for name, value in form.initial.items() if name != "is_enabled"} for form in formset.forms]

    client.post(ADD_POLICY, draft(*(rule for rule in rules if rule)))

    assert set(Policy.objects.get(version=2).rules.values_list("code", flat=True)) == {"large", "huge"}


def test_a_rule_left_out_or_switched_off_is_not_in_force(client, live, mia):
    client.post(ADD_POLICY, draft({"code": "off", "is_enabled": ""}, {"code": "gone", "DELETE": "on"}))

    assert list(Policy.objects.get(version=2).rules.values_list("code", "is_enabled")) == [("off", False)]


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"expression": "amnt > 5"}, "Did you mean `amount`?"),
        ({"expression": "amount > 5; DROP TABLE x"}, "is not a condition"),
        ({"expression": "amount >"}, "cannot be read as a condition"),
        ({"code": "no spaces"}, "valid"),
        ({"outcome": "approve"}, "Select a valid choice"),
    ],
)
def test_a_bad_rule_shows_its_sentence_and_publishes_nothing(client, live, mia, rule, sentence):
    response = client.post(ADD_POLICY, draft(rule))

    assert response.status_code == 200
    assert sentence.replace("'", "&#x27;") in text_of(response)
    assert Policy.objects.count() == 1


@pytest.mark.parametrize(
    ("review", "decline"), [("0.9", "0.5"), ("0", "0.5"), ("0.5", "1.1"), ("nan", "0.5"), ("-1", "1"), ("", "0.5")]
)
def test_thresholds_out_of_order_are_refused(client, live, mia, review, decline):
    response = client.post(ADD_POLICY, draft(review_threshold=review, decline_threshold=decline))

    assert response.status_code == 200
    assert Policy.objects.count() == 1


def test_two_rules_of_one_code_are_refused(client, live, mia):
    response = client.post(ADD_POLICY, draft({"code": "same"}, {"code": "same"}))

    assert response.status_code == 200
    assert Policy.objects.count() == 1


def test_the_slower_manager_is_told_and_nothing_is_announced(client, live, mia):
    publish(based_on=1)

    response = client.post(ADD_POLICY, draft(), follow=True)

    page = text_of(response)
    assert "Version 2 was published meanwhile" in page
    assert "was added successfully" not in page
    assert Policy.objects.count() == 2


def test_a_published_version_is_shown_and_cannot_be_changed(client, live, mia):
    url = f"/admin/scoring/policy/{live.id}/change/"

    assert "amount &gt; 1000" in text_of(client.get(url))
    assert client.post(url, draft()).status_code == 403
    assert client.post(f"/admin/scoring/policy/{live.id}/delete/", {"post": "yes"}).status_code == 403


# --- who may -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [ADD_POLICY, ADD_KEY, ADD_ENTRY, "/admin/"])
@pytest.mark.parametrize("role", ["analyst", "lead", None])
def test_who_is_no_manager_or_auditor_stays_outside(client, live, url, role):
    client.force_login(make_user(role))

    response = client.get(url)

    assert response.status_code == 302
    assert "/admin/login/" in response["Location"]


def test_an_auditor_sees_everything_and_changes_nothing(client, live):
    client.force_login(make_user("auditor"))
    make_label(make_decision())

    for name in ALL_LISTS:
        assert client.get(f"/admin/scoring/{name}/").status_code == 200, name
    assert "amount &gt; 1000" in text_of(client.get(f"/admin/scoring/policy/{live.id}/change/"))
    for url, data in [(ADD_POLICY, draft()), (ADD_KEY, {"name": "x", "scopes": ["read"]}), (ADD_ENTRY, {})]:
        assert client.get(url).status_code == 403, url
        assert client.post(url, data).status_code == 403, url
    assert Policy.objects.count() == 1
    assert not ApiKey.objects.exists()


def test_nobody_changes_the_record(client, live):
    client.force_login(User.objects.create_superuser("root", password="correct horse battery"))
    decision = make_decision()
    label = make_label(decision)

    for name, row in (("decision", decision), ("label", label)):
        assert client.get(f"/admin/scoring/{name}/add/").status_code == 403
        assert client.post(f"/admin/scoring/{name}/{row.id}/change/", {}).status_code == 403
        assert client.post(f"/admin/scoring/{name}/{row.id}/delete/", {"post": "yes"}).status_code == 403


def test_a_decision_is_shown_with_its_features_by_name(client, live, mia):
    vector = np.arange(len(NAMES), dtype=np.float32).tobytes()
    decision = make_decision(features=vector, feature_version=VERSION, merchant_name="<b>x</b>")

    page = text_of(client.get(f"/admin/scoring/decision/{decision.id}/change/"))

    assert "is_weekend: 2.0" in page
    assert "<b>x</b>" not in page


@pytest.mark.parametrize("name", ALL_LISTS)
def test_a_list_asks_the_same_number_of_queries_with_twice_the_rows(
    client, live, mia, name, django_assert_max_num_queries
):
    def fill() -> None:
        decision = make_decision()
        make_label(decision, author=mia)
        publish(based_on=Policy.objects.count())
        ListEntry.objects.create(kind="block", entity="card", value=decision.card_id + str(decision.id), author=mia)
        ApiKey.objects.create(name="x", prefix="x", sha256=str(decision.id), scopes=["cases"], user=mia)

    def count() -> int:
        with django_assert_max_num_queries(50) as queries:
            client.get(f"/admin/scoring/{name}/")
        return len(queries)

    fill()
    once = count()
    fill()
    fill()

    assert count() == once


# --- dead letters --------------------------------------------------------------------------------------------------


def test_a_dead_letter_is_shown_as_text_and_cannot_be_changed(client, db):
    user = make_user("auditor")
    user.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
    client.force_login(user)
    letter = DeadLetter.objects.create(
        stream="transactions", partition="0", position="7", body=b"<script>\xff", errors=[{"field": "", "message": "x"}]
    )

    page = text_of(client.get(f"/admin/streams/deadletter/{letter.id}/change/"))

    assert client.get("/admin/streams/deadletter/").status_code == 200
    assert "&lt;script&gt;\ufffd" in page
    assert client.post(f"/admin/streams/deadletter/{letter.id}/change/", {}).status_code == 403
    assert client.get("/admin/streams/deadletter/add/").status_code == 403
