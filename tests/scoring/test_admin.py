"""The admin: managers change, auditors look, analysts stay outside."""

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User

from scoring.features.definitions import NAMES, VERSION
from scoring.models import ApiKey, ListEntry, Policy
from streams.models import DeadLetter
from tests.factories import make_decision, make_label, make_user
from tests.scoring.payments import publish
from tests.scoring.test_admin_keys import ADD_KEY
from tests.scoring.test_admin_lists import ADD_ENTRY

ADD_POLICY = "/admin/scoring/policy/add/"
ALL_LISTS = ["decision", "label", "policy", "rule", "listentry", "listchange", "apikey", "modelversion"]


@pytest.fixture
def mia(db, client) -> User:
    user = make_user("manager")
    client.force_login(user)
    return user


def text_of(response) -> str:
    return response.content.decode()


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
    for url, data in [(ADD_POLICY, {"note": "x"}), (ADD_KEY, {"name": "x", "scopes": ["read"]}), (ADD_ENTRY, {})]:
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
        ListEntry.objects.create(list_id="block", entity="card", value=decision.card_id + str(decision.id), author=mia)
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
