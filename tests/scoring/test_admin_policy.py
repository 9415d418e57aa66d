"""Drafts in the admin: begun as a copy, edited whole, shown again with the reasons when they are refused."""

from dataclasses import replace

import pytest
from django.contrib.auth.models import User

from scoring.models import Policy
from scoring.services import policy_versions
from scoring.services.policy_content import content_of
from tests.factories import NOON, make_user
from tests.scoring.payments import HUGE, LARGE
from tests.scoring.policy_world import draft, edit

ADD = "/admin/scoring/policy/add/"
CHECK = "/admin/scoring/rule/check/"


@pytest.fixture
def mia(db, client) -> User:
    user = make_user("manager")
    client.force_login(user)
    return user


def change(policy: Policy) -> str:
    return f"/admin/scoring/policy/{policy.id}/change/"


def sent(*rules: dict, revision: int = 0, bands: tuple = (), lists: tuple = (), **overrides) -> dict:
    """What the browser sends of a draft."""
    data = {
        "note": "stricter", "review_threshold": "0.4", "decline_threshold": "0.8", "review_points": "100",
        "decline_points": "200", "revision": str(revision),
    }  # fmt: skip
    row = {
        "code": "rule",
        "expression": "amount > 5",
        "outcome": "review",
        "words": "x",
        "is_enabled": "on",
        "points": "0",
    }
    for prefix, rows in (("rules", [row | rule for rule in rules]), ("bands", bands), ("lists", lists)):
        data |= {f"{prefix}-TOTAL_FORMS": str(len(rows)), f"{prefix}-INITIAL_FORMS": "0"}
        for i, values in enumerate(rows):
            data |= {f"{prefix}-{i}-{name}": value for name, value in values.items()}
    return data | overrides


def offered(page) -> dict:
    """What a browser sends when nothing on the page was touched."""
    data = {}
    for formset in [page.context["adminform"].form, *(one.formset for one in page.context["inline_admin_formsets"])]:
        for form in [formset] if not hasattr(formset, "management_form") else [formset.management_form, *formset.forms]:
            for field in form:
                value = field.value()
                if value is not None and value is not False:
                    data[field.html_name] = field.field.widget.format_value(value) if value is not True else "on"
    return {name: value[0] if isinstance(value, list) else value for name, value in data.items() if value is not None}


def text_of(response) -> str:
    return response.content.decode()


# --- drafts ----------------------------------------------------------------------------------------------------------


def test_a_draft_begins_as_a_copy_of_the_version_in_force(client, live, mia):
    page = client.get(ADD)
    response = client.post(ADD, {"copy_of": live.id, "note": "stricter"})

    policy = Policy.objects.get(version=2)
    assert page.context["adminform"].form.initial["copy_of"] == live
    assert response["Location"] == change(policy)
    assert (policy.status, policy.created_by, policy.note) == ("draft", mia, "stricter")
    assert content_of(policy) == content_of(live)


def test_the_first_draft_of_a_deployment_begins_with_the_policy_they_all_begin_with(client, mia):
    client.post(ADD, {"note": "first"})

    assert Policy.objects.get().rules.filter(code="card_testing").exists()


def test_a_copy_of_a_chosen_version_is_offered_by_its_address(client, live, mia):
    other = draft(mia)

    page = client.get(f"{ADD}?copy_of={other.version}")

    assert page.context["adminform"].form.initial["copy_of"] == other
    assert client.get(f"{ADD}?copy_of=99999999999999").context["adminform"].form.initial["copy_of"] == live


def test_what_the_page_offers_changes_nothing_when_it_is_sent_back(client, live, mia):
    policy = draft(mia, replace(LARGE, owner=mia, tags=("a", "b"), points=50, expires_at=NOON.replace(year=2999)), HUGE)
    before = content_of(policy)

    response = client.post(change(policy), offered(client.get(change(policy))))

    policy.refresh_from_db()
    assert response.status_code == 302, response.context["errors"]
    assert (content_of(policy), policy.revision) == (before, 0)


def test_a_draft_is_saved_whole(client, live, mia):
    policy = draft(mia)

    response = client.post(
        change(policy),
        sent(
            {"code": "b", "tags": "new, Night", "owner": "mia", "points": "-30", "expires_at": "2999-01-01T10:00"},
            {"code": "a", "outcome": "", "points": "40", "is_enabled": ""},
            bands=({"currency": "EUR", "from_amount": "100", "review_threshold": "0.3", "decline_threshold": "0.7"},),
            lists=({"list": "allow", "effect": "approve"},),
        ),
    )

    policy.refresh_from_db()
    assert response["Location"] == f"/policy/versions/{policy.version}/"
    content = content_of(policy)
    assert [(rule.code, rule.points, rule.outcome, rule.is_enabled) for rule in content.rules] == [
        ("a", 40, "", False), ("b", -30, "review", True),
    ]  # fmt: skip
    assert (content.rules[1].owner, content.rules[1].tags) == (mia, ("new", "Night"))
    assert content.rules[1].expires_at.isoformat() == "2999-01-01T10:00:00+00:00"
    assert (content.bands[0].currency, content.bands[0].review_threshold) == ("EUR", 0.3)
    assert content.lists == {"allow": "approve"}
    assert policy.revision == 1


def test_a_rule_taken_out_and_an_empty_row_are_not_in_it(client, live, mia):
    policy = draft(mia)
    empty = {"code": "", "expression": "", "outcome": "", "words": "", "is_enabled": "on"}

    client.post(change(policy), sent({"code": "kept"}, {"code": "gone", "DELETE": "on"}, empty))

    assert [rule.code for rule in policy.rules.all()] == ["kept"]


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"expression": "amnt > 5"}, "Did you mean `amount`?"),
        ({"expression": "amount >"}, "expression"),
        ({"expression": "in_list(card_id, 'nowhere')"}, "There is no list `nowhere`"),
        ({"words": "{amout}"}, "There is no value for {amout}. Did you mean `amount`"),
        ({"code": "no spaces"}, "valid"),
        ({"outcome": "approve"}, "Select a valid choice"),
        ({"outcome": ""}, "The rule would do nothing"),
        ({"owner": "nobody-here"}, "Nobody of this username"),
        ({"expires_at": "2001-01-01T10:00"}, "past already"),
        ({"points": "99999999999"}, ""),
        ({"words": "a\x00b"}, "Null characters"),
    ],
)
def test_a_bad_rule_is_shown_again_with_its_sentence_and_nothing_is_saved(client, live, mia, rule, sentence):
    policy = draft(mia)
    before = content_of(policy)

    response = client.post(change(policy), sent({"code": "mine", "words": "kept as typed"} | rule, {"code": "second"}))

    assert response.status_code == 200
    assert sentence.replace("'", "&#x27;") in text_of(response)
    assert 'value="second"' in text_of(response)
    assert content_of(policy) == before
    rules = response.context["inline_admin_formsets"][2].formset
    assert rules.forms[0].errors
    assert not rules.forms[1].errors


@pytest.mark.parametrize(
    ("review", "decline"), [("0.9", "0.5"), ("0", "0.5"), ("0.5", "1.1"), ("nan", "0.5"), ("-1", "1"), ("", "0.5")]
)
def test_thresholds_out_of_order_are_refused(client, live, mia, review, decline):
    policy = draft(mia)

    response = client.post(change(policy), sent({}, review_threshold=review, decline_threshold=decline))

    assert response.status_code == 200
    assert "review_threshold" in response.context["adminform"].form.errors
    assert Policy.objects.get(id=policy.id).revision == 0


def test_two_rules_of_one_code_are_refused(client, live, mia):
    policy = draft(mia)

    response = client.post(change(policy), sent({"code": "same"}, {"code": "same"}))

    assert response.status_code == 200
    assert Policy.objects.get(id=policy.id).revision == 0


def test_the_slower_editor_is_told_and_finds_the_own_text_again(client, live, mia):
    policy = draft(mia)
    edit(policy, make_user("manager", username="max"), review_threshold=0.3)

    response = client.post(change(policy), sent({"code": "my-own-work", "words": "what I typed"}))

    assert response.status_code == 200
    assert f"Version {policy.version} was changed by max" in text_of(response)
    assert "my-own-work" in text_of(response)
    assert "what I typed" in text_of(response)
    assert Policy.objects.get(id=policy.id).review_threshold == 0.3


def test_who_edits_what_was_put_in_shadow_meanwhile_is_told_and_finds_the_text_again(client, live, mia):
    policy = draft(mia)
    policy_versions.put_in_shadow(version=policy.version, by=mia, at=NOON)

    response = client.post(change(policy), sent({"code": "my-own-work"}))

    assert response.status_code == 200
    assert "is shadow by now" in text_of(response)
    assert "my-own-work" in text_of(response)


def test_a_version_in_force_is_shown_and_not_changed(client, live, mia):
    page = client.get(change(live))
    response = client.post(change(live), sent({"code": "sneaked-in"}))

    assert "amount &gt; 1000" in text_of(page)
    assert 'name="rules-0-expression"' not in text_of(page)
    assert "is live by now" in text_of(response)
    assert client.post(f"/admin/scoring/policy/{live.id}/delete/", {"post": "yes"}).status_code == 403
    assert not live.rules.filter(code="sneaked-in").exists()


def test_an_auditor_reads_a_draft_and_changes_nothing(client, live):
    policy = draft(make_user("manager"))
    client.force_login(make_user("auditor"))

    assert "amount &lt; 1" in text_of(client.get(change(policy)))
    assert client.post(change(policy), sent({})).status_code == 403
    assert client.post(CHECK, {"expression": "amount > 1"}).status_code == 403


def test_three_hundred_rules_are_edited_in_a_fixed_number_of_queries(client, live, mia, django_assert_max_num_queries):
    many = tuple(
        replace(LARGE, code=f"rule-{number}", owner=mia, expression=f"amount > {number}") for number in range(300)
    )
    policy = draft(mia, *many)

    with django_assert_max_num_queries(40):
        page = client.get(change(policy))
    data = offered(page) | {"rules-7-expression": "amount > 123456"}
    with django_assert_max_num_queries(60):
        response = client.post(change(policy), data)

    assert response.status_code == 302
    assert policy.rules.get(
        code=page.context["inline_admin_formsets"][2].formset.forms[7].initial["code"]
    ).expression == ("amount > 123456")
    assert policy.rules.count() == 300
