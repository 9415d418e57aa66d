"""What those are told, and what stays as it is, who may not; who may what is in tests/fraudapp/access_tables.py."""

from uuid import uuid4

import pytest
from django.urls import reverse

from cases.models import ApprovalLimit, Case, CaseEvent
from cases.services import claims, verdicts
from scoring.services.policy import RuleDraft, publish_policy
from tests.factories import NOON, make_case, make_decision, make_user

PAGES = ["queue", "live", "search", "case_detail", "case_history", "print_case", "entity"]
# Pages that take what is written on them too.
FORMS = ["snooze", "tags"]
ON_CASE = ["claim", "release", "skip", "escalate", "verdict", "add_note", "reopen", "wake", "remove_tag", *FORMS]
REVIEW = [*ON_CASE, "move", "next_case", "undo", "decide_selected"]
VIEWS = ["add_view", "change_view", "delete_view", "choose_default"]
APPROVE = ["approve", "refuse"]
ACTIONS = [*REVIEW, *VIEWS, *APPROVE, "add_to_list", "remove_from_list"]
# What the open page sends for whoever may see it.
SIGNS = ["look"]
NEED_CASE = {"case_detail", "case_history", "print_case", "look", *ON_CASE}
MESSAGE = {"verdict": "inconclusive", "note": "x"}


def url_of(name, case):
    others = {
        "entity": ["card", case.card_id],
        "remove_from_list": [1],
        "move": [case.id],
        **dict.fromkeys(APPROVE, [case.id, 1]),
        **dict.fromkeys(VIEWS[1:], [1]),
    }
    return reverse(name, args=[case.id] if name in NEED_CASE else others.get(name, []))


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


@pytest.mark.parametrize("role", ["analyst", "manager", "auditor"])
@pytest.mark.parametrize("name", APPROVE)
def test_only_leads_settle_the_verdicts_of_others(client, alice, bob, case, role, name):
    ApprovalLimit.objects.create(verdict="fraud", amount=0)
    said = verdicts.record(case=case, analyst=alice, verdict="fraud", decided_at=NOON)
    url = reverse(name, args=[case.id, said.id])
    client.force_login(make_user(role, username="somebody"))

    assert client.post(url, {"reason": "x"}).status_code == 403
    assert client.get("/approvals/").status_code == 403
    client.force_login(bob)
    assert client.get("/approvals/").status_code == 200
    assert client.post(url, {"reason": "x"}).url == "/approvals/"


def test_nobody_approves_their_own_verdict(client, bob, case):
    ApprovalLimit.objects.create(verdict="fraud", amount=0)
    said = verdicts.record(case=case, analyst=bob, verdict="fraud", decided_at=NOON)
    client.force_login(bob)

    for name in APPROVE:
        response = client.post(reverse(name, args=[case.id, said.id]), {"reason": "x"})
        assert response.status_code == 422
        assert "a second person has to approve it" in response.content.decode()
    assert Case.objects.get().status == "approval"


def test_a_verdict_of_another_case_is_not_found(client, alice, bob, case):
    ApprovalLimit.objects.create(verdict="fraud", amount=0)
    said = verdicts.record(case=make_case(), analyst=alice, verdict="fraud", decided_at=NOON)
    client.force_login(bob)

    for name in APPROVE:
        assert client.post(reverse(name, args=[case.id, said.id]), {"reason": "x"}).status_code == 404


def test_a_verdict_that_waits_no_more_is_told_and_a_refusal_needs_a_reason(client, alice, bob, case):
    ApprovalLimit.objects.create(verdict="fraud", amount=0)
    said = verdicts.record(case=case, analyst=alice, verdict="fraud", decided_at=NOON)
    client.force_login(bob)

    assert client.post(reverse("refuse", args=[case.id, said.id]), {"reason": " "}).status_code == 422
    assert client.post(reverse("approve", args=[case.id, said.id])).status_code == 302
    response = client.post(reverse("approve", args=[case.id, said.id]))
    assert response.status_code == 422
    assert "waits for approval no more" in response.content.decode()


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
@pytest.mark.parametrize("model", ["case", "caseevent", "handling", "verdict"])
def test_the_admin_shows_cases_and_changes_none(client, alice, role, model):
    case = make_case()
    claims.claim(case=case, analyst=alice, now=NOON)
    said = verdicts.record(case=case, analyst=alice, verdict="fraud", decided_at=NOON)
    client.force_login(make_user(role))
    rows = {"case": case, "caseevent": case.events.first(), "handling": case.handlings.get(), "verdict": said}
    row = rows[model].pk

    assert client.get(f"/admin/cases/{model}/").status_code == 200
    assert client.get(f"/admin/cases/{model}/?q={case.card_id}").status_code == 200
    page = client.get(f"/admin/cases/{model}/{row}/change/")
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    assert client.get(f"/admin/cases/{model}/add/").status_code == 403
    assert client.post(f"/admin/cases/{model}/{row}/delete/", {"post": "yes"}).status_code == 403


def test_verdicts_are_found_by_why_we_were_wrong_and_by_the_rule_that_hit(client, alice):
    publish_policy(
        review_threshold=0.5,
        decline_threshold=0.9,
        rules=[RuleDraft("large", "amount > 1000", "review", "Large"), RuleDraft("small", "amount < 2", "review", "x")],
        note="for this test",
        published_by=None,
        based_on=0,
    )
    case = make_case(decisions=[make_decision(rule_hits=["large"])])
    verdicts.record(case=case, analyst=alice, verdict="legitimate", why_wrong="broad_rule", decided_at=NOON)
    client.force_login(make_user("manager"))

    def found(**filters):
        return len(client.get("/admin/cases/verdict/", filters).context["cl"].result_list)

    assert found(rule="large", why_wrong__exact="broad_rule") == 1
    assert found(rule="small") == found(why_wrong__exact="travel") == 0


def test_managers_set_the_limits_of_approval_and_auditors_read_them(client, db):
    limit = {"verdict": "fraud", "currency": "EUR", "amount": "5000"}
    client.force_login(make_user("auditor"))
    assert client.get("/admin/cases/approvallimit/").status_code == 200
    assert client.post("/admin/cases/approvallimit/add/", limit).status_code == 403

    client.force_login(make_user("manager"))
    assert client.post("/admin/cases/approvallimit/add/", limit | {"currency": "eur"}).status_code == 200
    assert client.post("/admin/cases/approvallimit/add/", limit).status_code == 302
    assert ApprovalLimit.objects.get().amount == 5000


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
