"""The pages of policy versions: what they say, who takes which step there, and what is told when it fails."""

from dataclasses import replace

import pytest

from scoring.models import Backtest, Policy
from scoring.services import policy_versions
from tests.factories import DAY, NOON, make_user
from tests.scoring.payments import HUGE, LARGE, publish
from tests.scoring.policy_world import SMALL, draft, proposed, published

VERSIONS = "/policy/"


@pytest.fixture
def live(db) -> Policy:
    return publish()


def at(policy: Policy, step: str = "") -> str:
    return f"/policy/versions/{policy.version}/{step}"


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


def take(client, policy: Policy, step: str, **sent):
    return client.post(at(policy, f"{step}/"), {"live": "1"} | sent)


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_the_version_in_force_is_shown_in_words_with_those_in_work_and_before(client, live, mia, max_):
    published(mia, max_, rules=(replace(LARGE, owner=mia, tags=("night",), points=-5),))
    draft(mia, note="not yet")
    client.force_login(mia)

    page = text_of(client.get(VERSIONS))

    assert "Version 2, in force" in page
    assert "proposed by Mia" in page
    assert "-5 points" in page
    assert "not yet" in page
    assert "Roll back to version 1" in page


def test_before_the_first_version_the_page_says_that_nothing_is_decided(client, mia):
    client.force_login(mia)

    assert "no payment can be decided" in text_of(client.get(VERSIONS))


def test_a_version_shows_what_it_says_otherwise_word_by_word(client, live, mia):
    policy = draft(mia, replace(LARGE, expression="amount > 900"), SMALL, lists={"block": "review"})
    client.force_login(mia)

    page = text_of(client.get(at(policy)))

    assert "amount &gt; <del>1000</del>" in page
    assert "amount &gt; <ins>900</ins>" in page
    assert "1 rule added" in page
    assert "1 rule changed" in page
    assert "1 rule taken out" in page
    assert "<del>decline</del>" in page
    assert "<ins>review</ins>" in page


def test_what_a_manager_typed_is_shown_as_text(client, live, mia):
    policy = draft(mia, replace(LARGE, name="<script>alert(1)</script>"), note="<b>x</b>")
    client.force_login(mia)

    for page in (text_of(client.get(at(policy))), text_of(client.get(VERSIONS))):
        assert "<script>alert" not in page
        assert "<b>x</b>" not in page


def test_a_proposal_says_in_red_that_no_backtest_of_it_has_finished(client, live, mia):
    policy = proposed(mia)
    client.force_login(mia)
    assert "No backtest of this version has finished" in text_of(client.get(at(policy)))

    Backtest.objects.create(
        policy=policy, baseline=live, revision=0, since=NOON - DAY, until=NOON, labels_as_of=NOON, maturity_days=30,
        capacity=100, status=Backtest.Status.DONE, result={},
    )  # fmt: skip

    assert "No backtest of this version has finished" not in text_of(client.get(at(policy)))


def test_a_version_asks_the_same_number_of_queries_with_twice_the_rules(
    client, live, mia, django_assert_max_num_queries
):
    def count(policy: Policy) -> int:
        client.get(at(policy))
        with django_assert_max_num_queries(60) as queries:
            client.get(at(policy))
            client.get(VERSIONS)
        return len(queries)

    client.force_login(mia)
    few = count(draft(mia, LARGE, SMALL))
    many = count(draft(mia, *(replace(LARGE, code=f"r{number}", owner=mia) for number in range(20))))

    assert many == few


@pytest.mark.parametrize("url", ["/policy/versions/99/", f"/policy/versions/{10**30}/"])
def test_there_is_no_page_of_a_version_that_is_not_there(client, live, mia, url):
    client.force_login(mia)

    assert client.get(url).status_code == 404


# --- steps -----------------------------------------------------------------------------------------------------------


def test_a_version_takes_its_steps_on_its_page(client, live, mia, max_):
    policy = draft(mia)
    client.force_login(mia)
    assert take(client, policy, "shadow").status_code == 302
    assert take(client, policy, "propose", note="it catches more").status_code == 302
    client.force_login(max_)

    response = take(client, policy, "publish")

    policy.refresh_from_db()
    assert response["Location"] == at(policy)
    assert (policy.status, policy.published_by) == ("live", max_)
    assert "it catches more" in text_of(client.get(at(policy)))


def test_the_own_proposal_cannot_be_published_and_the_page_says_why(client, live, mia):
    policy = proposed(mia)
    client.force_login(mia)

    response = take(client, policy, "publish")

    assert response.status_code == 422
    assert "a second person has to publish it" in text_of(response)
    assert ">Publish</button>" not in text_of(client.get(at(policy)))


def test_who_publishes_what_was_overtaken_is_told_and_can_carry_it_over(client, live, mia, max_):
    policy = proposed(mia, rules=(LARGE, HUGE, SMALL))
    published(mia, max_, rules=(LARGE, HUGE), review_threshold=0.3)
    client.force_login(max_)
    refused = take(client, policy, "publish")

    response = take(client, policy, "rebase")

    assert refused.status_code == 422
    assert "meanwhile version 3 was published by max" in text_of(refused)
    assert response["Location"] == "/policy/versions/4/"
    assert Policy.objects.get(version=4).based_on.version == 3


def test_one_click_and_a_reason_bring_the_version_before_back(client, live, mia, max_):
    published(mia, max_)
    client.force_login(mia)

    without = client.post(at(live, "roll-back/"), {"live": "2", "note": " "})
    response = client.post(at(live, "roll-back/"), {"live": "2", "note": "too many declines"})

    assert without.status_code == 422
    assert "Say why" in text_of(without)
    assert response.status_code == 302
    assert Policy.objects.get(status="live").version == 1


def test_who_rolls_back_from_a_page_of_before_is_told(client, live, mia, max_):
    published(mia, max_)
    published(mia, max_)
    client.force_login(mia)

    response = client.post(at(live, "roll-back/"), {"live": "2", "note": "x"})

    assert response.status_code == 422
    assert "Version 3 is in force by now" in text_of(response)


@pytest.mark.parametrize("sent", [{"note": "a\x00b"}, {"note": "x" * 501}, {"live": "x"}, {"live": "9" * 40}])
def test_what_cannot_be_stored_is_refused_and_nothing_happens(client, live, mia, sent):
    policy = proposed(mia)
    client.force_login(mia)

    response = take(client, policy, "send-back", **({"note": "why"} | sent))

    assert response.status_code == 422
    policy.refresh_from_db()
    assert policy.status == "proposed"


def test_there_is_no_other_step(client, live, mia):
    client.force_login(mia)

    assert take(client, live, "delete").status_code == 404
    assert client.get(at(live, "publish/")).status_code == 405


def test_what_was_sent_back_goes_on_as_a_draft(client, live, mia, max_):
    policy = proposed(mia)
    client.force_login(max_)

    response = take(client, policy, "send-back", note="not at night")

    assert response["Location"] == "/policy/versions/3/"
    assert "not at night" in text_of(client.get("/policy/versions/3/"))
    assert policy_versions.authors_of(Policy.objects.get(version=3)) == {mia.id}


# --- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "status"), [("analyst", 403), ("lead", 200), ("auditor", 200), (None, 403)])
def test_leads_and_auditors_read_and_take_no_step(client, live, mia, role, status):
    policy = proposed(mia)
    client.force_login(make_user(role))

    assert client.get(VERSIONS).status_code == status
    assert client.get(at(policy)).status_code == status
    for step in ("publish", "send-back", "discard", "roll-back", "rebase"):
        assert take(client, policy, step, note="x").status_code == 403
    policy.refresh_from_db()
    assert policy.status == "proposed"


def test_who_is_not_signed_in_is_sent_to_the_login(client, live):
    assert "/login/" in client.get(VERSIONS)["Location"]
    assert "/login/" in take(client, live, "roll-back", note="x")["Location"]


@pytest.mark.parametrize(("role", "is_there"), [("analyst", False), ("lead", True), ("manager", True)])
def test_the_policy_is_linked_for_who_may_see_it(client, live, role, is_there):
    client.force_login(make_user(role))

    assert ('href="/policy/"' in text_of(client.get("/queue/"))) is is_there


@pytest.mark.parametrize("step", ["shadow", "propose"])
def test_what_was_edited_since_the_page_was_opened_takes_no_step(client, live, mia, max_, step):
    version = draft(mia).version
    seen = Policy.objects.get(version=version).revision
    Policy.objects.filter(version=version).update(revision=seen + 1)
    client.force_login(mia)

    refused = client.post(f"/policy/versions/{version}/{step}/", {"note": "x", "revision": seen})
    taken = client.post(f"/policy/versions/{version}/{step}/", {"note": "x", "revision": seen + 1})

    assert refused.status_code == 422
    assert "was changed since this page was opened" in refused.content.decode()
    assert taken.status_code == 302
