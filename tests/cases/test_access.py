"""Who may open and do what; every page, every role, and nobody at all."""

from uuid import uuid4

import pytest
from django.urls import reverse

from cases.models import Case, CaseEvent
from cases.services import claims
from tests.factories import NOON, make_case, make_user

PAGES = ["queue", "live", "search", "case_detail", "entity"]
REVIEW = ["claim", "release", "skip", "verdict", "add_note", "next_case", "decide_selected"]
VIEWS = ["add_view", "change_view", "delete_view", "choose_default"]
ACTIONS = [*REVIEW, *VIEWS, "add_to_list", "remove_from_list"]
# What the open page sends for whoever may see it.
SIGNS = ["look"]
NEED_CASE = {"case_detail", "claim", "release", "skip", "verdict", "add_note", "look"}
MESSAGE = {"verdict": "inconclusive", "note": "x"}


def url_of(name, case):
    others = {"entity": ["card", case.card_id], "remove_from_list": [1], **dict.fromkeys(VIEWS[1:], [1])}
    return reverse(name, args=[case.id] if name in NEED_CASE else others.get(name, []))


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("role", ["analyst", "lead", "manager", "auditor"])
def test_every_role_sees_every_page(client, case, role, name):
    client.force_login(make_user(role))

    assert client.get(url_of(name, case)).status_code == 200


@pytest.mark.parametrize("name", PAGES + ACTIONS + SIGNS)
def test_nobody_logged_in_is_sent_to_the_login(client, case, name):
    method = client.get if name in PAGES else client.post

    response = method(url_of(name, case))

    assert response.status_code == 302
    assert response.url.startswith("/login/?next=")


@pytest.mark.parametrize("name", PAGES + ACTIONS + SIGNS)
def test_an_account_in_no_group_is_told_why_it_sees_nothing(client, mallory, case, name):
    client.force_login(mallory)
    method = client.get if name in PAGES else client.post

    response = method(url_of(name, case), MESSAGE)

    assert response.status_code == 403
    assert "in no group" in response.content.decode()
    assert case.card_id[-4:] not in response.content.decode()


@pytest.mark.parametrize("role", ["manager", "auditor"])
@pytest.mark.parametrize("name", REVIEW)
def test_who_only_looks_changes_nothing(client, case, role, name):
    client.force_login(make_user(role))
    before = Case.objects.values().get()

    response = client.post(url_of(name, case), MESSAGE)

    assert response.status_code == 403
    assert Case.objects.values().get() == before
    assert not CaseEvent.objects.exclude(kind="opened").exists()


@pytest.mark.parametrize("role", ["analyst", "lead", "manager", "auditor"])
def test_every_role_may_say_that_it_looks(client, case, role):
    client.force_login(make_user(role))

    assert client.post(url_of("look", case)).url == case.get_absolute_url()


@pytest.mark.parametrize("name", PAGES)
def test_pages_take_no_post(client, alice, case, name):
    client.force_login(alice)

    assert client.post(url_of(name, case)).status_code == 405


@pytest.mark.parametrize("name", ACTIONS + SIGNS)
def test_actions_take_no_get(client, alice, case, name):
    client.force_login(alice)

    assert client.get(url_of(name, case)).status_code == 405


@pytest.mark.parametrize("name", sorted(NEED_CASE))
def test_a_case_that_does_not_exist_is_not_found(client, alice, name):
    client.force_login(alice)
    method = client.get if name in PAGES else client.post

    assert method(reverse(name, args=[uuid4()]), MESSAGE).status_code == 404


def test_the_console_is_the_home_page(client, alice):
    client.force_login(alice)

    assert client.get("/").url == reverse("queue")


def test_a_fragment_asked_for_after_the_session_ended_reloads_the_page(client, db):
    response = client.get("/queue/", headers={"HX-Request": "true"}, follow=True)

    assert response.headers["HX-Refresh"] == "true"


def test_logging_in_and_out(client, alice):
    response = client.post("/login/", {"username": "alice", "password": "correct horse battery"})
    assert response.url == "/queue/"

    assert client.post("/logout/").url == "/login/"
    assert client.get("/queue/").status_code == 302


def test_a_wrong_password_is_said(client, alice):
    response = client.post("/login/", {"username": "alice", "password": "wrong"})

    assert "correct username and password" in response.content.decode()


@pytest.mark.parametrize("role", ["manager", "auditor"])
@pytest.mark.parametrize("model", ["case", "caseevent", "handling"])
def test_the_admin_shows_cases_and_changes_none(client, alice, role, model):
    case = make_case()
    claims.claim(case=case, analyst=alice, now=NOON)
    client.force_login(make_user(role))
    row = {"case": case, "caseevent": case.events.first(), "handling": case.handlings.get()}[model].pk

    assert client.get(f"/admin/cases/{model}/").status_code == 200
    assert client.get(f"/admin/cases/{model}/?q={case.card_id}").status_code == 200
    page = client.get(f"/admin/cases/{model}/{row}/change/")
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    assert client.get(f"/admin/cases/{model}/add/").status_code == 403
    assert client.post(f"/admin/cases/{model}/{row}/delete/", {"post": "yes"}).status_code == 403


def test_the_admin_is_not_for_analysts(client, alice):
    client.force_login(alice)

    assert client.get("/admin/").status_code == 302


def test_pages_carry_no_inline_code_and_a_strict_policy(client, alice, case):
    client.force_login(alice)

    for name in PAGES:
        response = client.get(url_of(name, case))
        page = response.content.decode()
        assert "<style" not in page
        assert " style=" not in page
        assert " onclick=" not in page
        assert page.count("<script") == page.count("<script src=")
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
