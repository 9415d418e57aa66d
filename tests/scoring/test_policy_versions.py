"""The life of a policy version: who may take which step when, what stays, and who is told."""

import threading
from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections

from scoring.models import Policy
from scoring.services import policy_versions as versions
from scoring.services.policy import StalePolicyError
from scoring.services.policy_checks import ContentError
from scoring.services.policy_content import content_of
from scoring.services.policy_guards import (
    EditedMeanwhileError,
    OwnVersionError,
    TooManyInShadowError,
    WrongStepError,
)
from tests.factories import DAY, HOUR, NOON, make_user
from tests.scoring.payments import HUGE, LARGE, publish
from tests.scoring.policy_world import SMALL, draft, edit, proposed, published

LATER = NOON + DAY


@pytest.fixture
def mia(db) -> User:
    return make_user("manager")


@pytest.fixture
def max_(db) -> User:
    return make_user("manager", username="max")


def trace_of(policy: Policy) -> list[tuple[str, str | None]]:
    return [(event.action, event.by and event.by.username) for event in policy.events.order_by("id")]


# --- the way ---------------------------------------------------------------------------------------------------------


def test_a_version_is_drafted_tried_proposed_and_published_by_a_second_person(live, mia, max_):
    version = draft(mia).version
    versions.put_in_shadow(version=version, by=mia, at=NOON)
    versions.propose(version=version, note="it caught 12", by=mia, at=NOON + HOUR)

    policy = versions.publish(version=version, by=max_, at=LATER)

    live.refresh_from_db()
    assert (policy.status, policy.published_by, policy.published_at) == ("live", max_, LATER)
    assert (live.status, live.retired_at) == ("retired", LATER)
    assert trace_of(policy) == [("created", "mia"), ("shadowed", "mia"), ("proposed", "mia"), ("published", "max")]
    assert trace_of(live)[-1] == ("retired", "max")


def test_the_first_policy_of_a_deployment_goes_the_same_way(mia, max_):
    policy = published(mia, max_)

    assert (policy.status, policy.version, policy.based_on) == ("live", 1, None)


def test_a_draft_can_be_proposed_without_a_shadow_and_is_tried_from_then_on(live, mia):
    policy = proposed(mia)

    assert (policy.status, policy.shadow_since) == ("proposed", policy.proposed_at)


def test_a_copy_says_what_its_version_says_and_stands_on_the_one_in_force(live, mia, max_):
    second = published(mia, max_)

    copy = versions.draft_copy(of=live.version, note="as before", by=mia, at=LATER)

    assert content_of(copy) == content_of(live)
    assert copy.based_on == second
    assert copy.events.get().note == "A copy of version 1"


@pytest.mark.parametrize("step", ["put_in_shadow", "publish", "send_back", "rebase"])
def test_a_step_that_begins_elsewhere_is_refused_and_says_where_the_version_is(live, mia, step):
    more = {"reason": "no"} if step == "send_back" else {}

    with pytest.raises(WrongStepError, match="Version 1 is live by now"):
        getattr(versions, step)(version=1, by=mia, at=NOON, **more)


def test_no_more_than_three_versions_are_tried_at_once(live, mia):
    for number in range(4):
        draft(mia, note=f"n{number}")
    for version in (2, 3, 4):
        versions.put_in_shadow(version=version, by=mia, at=NOON)

    with pytest.raises(TooManyInShadowError, match="2, 3, 4"):
        versions.put_in_shadow(version=5, by=mia, at=NOON)
    with pytest.raises(TooManyInShadowError):
        versions.propose(version=5, note="", by=mia, at=NOON)
    assert versions.propose(version=4, note="", by=mia, at=NOON).status == "proposed"


def test_what_is_sent_back_goes_on_as_a_draft_of_its_author(live, mia, max_):
    old = proposed(mia)

    new = versions.send_back(version=old.version, reason="too strict at night", by=max_, at=LATER)

    old.refresh_from_db()
    assert (old.status, new.status, new.created_by) == ("discarded", "draft", mia)
    assert content_of(new) == content_of(old)
    assert "too strict at night" in new.events.get().note
    assert trace_of(old)[-1] == ("returned", "max")


def test_sending_back_needs_a_reason(live, mia, max_):
    with pytest.raises(ContentError, match="Say why"):
        versions.send_back(version=proposed(mia).version, reason=" ", by=max_, at=LATER)


def test_what_is_discarded_is_over(live, mia):
    version = draft(mia).version
    versions.discard(version=version, reason="", by=mia, at=NOON)

    with pytest.raises(WrongStepError, match="discarded"):
        versions.put_in_shadow(version=version, by=mia, at=NOON)


# --- two people ------------------------------------------------------------------------------------------------------


def test_nobody_publishes_what_they_proposed(live, mia):
    with pytest.raises(OwnVersionError, match="second person"):
        versions.publish(version=proposed(mia).version, by=mia, at=LATER)


def test_nobody_publishes_what_they_drafted_or_edited(live, mia, max_):
    version = edit(draft(mia), max_, review_threshold=0.3).version
    versions.propose(version=version, note="", by=make_user("manager", username="third"), at=NOON)

    for author in (mia, max_):
        with pytest.raises(OwnVersionError):
            versions.publish(version=version, by=author, at=LATER)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("chosen", [(2, 2), (2, 3)])
def test_of_two_managers_who_publish_at_once_one_wins_and_the_other_is_told(chosen):
    publish()
    author, readers = make_user("manager"), [make_user("manager", username=name) for name in ("max", "mo")]
    for _ in set(chosen):
        proposed(author)
    together, outcomes = threading.Barrier(2), []

    def put_in_force(version: int, by: User) -> None:
        met = []

        def meet(execute, sql, params, many, context):
            if "pg_advisory_xact_lock" in sql and not met:
                met.append(together.wait(10))
            return execute(sql, params, many, context)

        try:
            with connection.execute_wrapper(meet):
                outcomes.append(versions.publish(version=version, by=by, at=LATER).status)
        except (StalePolicyError, WrongStepError) as error:
            outcomes.append(str(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=put_in_force, args=pair) for pair in zip(chosen, readers, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Policy.objects.filter(status="live").count() == 1
    assert outcomes.count("live") == 1
    told = next(outcome for outcome in outcomes if outcome != "live")
    assert "published" in told
    assert any(reader.username in told for reader in readers)


# --- editing ---------------------------------------------------------------------------------------------------------


def test_an_edit_says_what_it_changed_and_counts_up(live, mia):
    policy = edit(draft(mia), mia, rules=(replace(LARGE, expression="amount > 9"), HUGE), review_threshold=0.3)

    assert policy.revision == 1
    assert (
        policy.events.order_by("id").last().note
        == "added rule huge; changed rule large, thresholds; took out rule small"
    )
    assert [rule.code for rule in policy.rules.order_by("code")] == ["huge", "large"]


def test_saving_the_same_again_leaves_the_revision_and_its_backtests_alone(live, mia):
    policy = edit(draft(mia), mia)

    assert (policy.revision, policy.events.count()) == (0, 1)


def test_the_slower_of_two_editors_is_told_and_nothing_of_the_faster_is_lost(live, mia, max_):
    policy = draft(mia)
    edit(policy, max_, review_threshold=0.3)

    with pytest.raises(EditedMeanwhileError, match="by max .changed thresholds"):
        edit(policy, mia, revision=0, review_threshold=0.2)

    policy.refresh_from_db()
    assert (policy.review_threshold, policy.revision) == (0.3, 1)


def test_a_version_that_is_no_draft_cannot_be_edited(live, mia):
    version = versions.put_in_shadow(version=draft(mia).version, by=mia, at=NOON)

    with pytest.raises(WrongStepError, match="shadow"):
        edit(version, mia, review_threshold=0.3)


# --- another one was faster ------------------------------------------------------------------------------------------


def test_a_version_made_from_an_older_one_is_not_published_and_says_what_was_meanwhile(live, mia, max_):
    old = proposed(mia)
    published(mia, max_)

    with pytest.raises(StalePolicyError, match="made from version 1, but meanwhile version 3 was published by max"):
        versions.publish(version=old.version, by=max_, at=LATER)


def test_changes_are_carried_over_to_the_version_in_force_where_they_do_not_conflict(live, mia, max_):
    own = draft(mia, LARGE, HUGE, SMALL, review_threshold=0.4, decline_threshold=0.9)
    stricter = replace(HUGE, expression="amount > 4000")
    published(mia, max_, rules=(LARGE, stricter), review_threshold=0.3, decline_threshold=0.9)

    new, conflicts = versions.rebase(version=own.version, by=mia, at=LATER)

    own.refresh_from_db()
    content = content_of(new)
    assert conflicts == ["thresholds"]
    assert (content.review_threshold, content.decline_threshold) == (0.3, 0.9)
    assert {rule.code: rule.expression for rule in content.rules} == {
        "large": LARGE.expression,
        "huge": "amount > 4000",
        "small": SMALL.expression,
    }
    assert own.status == "discarded"
    assert new.based_on.status == "live"


def test_there_is_nothing_to_carry_over_to_the_version_one_stands_on(live, mia):
    with pytest.raises(WrongStepError, match="nothing to carry over"):
        versions.rebase(version=draft(mia).version, by=mia, at=NOON)
