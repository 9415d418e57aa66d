"""Rolling back: at once, with a reason, to what was in force and can still be read."""

import pytest
from django.contrib.auth.models import User

from scoring.models import Policy
from scoring.services import policy_versions as versions
from scoring.services.policy import StalePolicyError
from scoring.services.policy_checks import ContentError
from scoring.services.policy_guards import WrongStepError
from tests.factories import DAY, NOON, make_user
from tests.scoring.payments import tampering
from tests.scoring.policy_world import draft, published

LATER = NOON + DAY


@pytest.fixture
def mia(db) -> User:
    return make_user("manager")


@pytest.fixture
def max_(db) -> User:
    return make_user("manager", username="max")


def test_the_version_before_comes_back_at_once_with_a_reason(live, mia, max_):
    second = published(mia, max_)

    versions.roll_back(version=1, instead_of=2, reason="declines half of France", by=mia, at=LATER)

    second.refresh_from_db()
    live.refresh_from_db()
    assert (live.status, second.status, second.retired_at) == ("live", "retired", LATER)
    event = live.events.order_by("id").last()
    assert (event.action, event.by, event.note) == ("rolled_back", mia, "declines half of France")


def test_who_proposed_a_version_may_bring_it_back(live, mia, max_):
    published(mia, max_)
    versions.roll_back(version=1, instead_of=2, reason="x", by=mia, at=LATER)

    policy = versions.roll_back(version=2, instead_of=1, reason="it was not that", by=mia, at=LATER)

    assert (policy.status, policy.published_by) == ("live", max_)


def test_the_slower_of_two_who_roll_back_is_told(live, mia, max_):
    published(mia, max_)
    published(mia, max_)
    versions.roll_back(version=2, instead_of=3, reason="x", by=mia, at=LATER)

    with pytest.raises(StalePolicyError, match="Version 2 is in force by now"):
        versions.roll_back(version=1, instead_of=3, reason="x", by=max_, at=LATER)


def test_a_version_that_never_was_in_force_does_not_come_back(live, mia):
    version = draft(mia).version
    versions.discard(version=version, reason="", by=mia, at=NOON)

    with pytest.raises(WrongStepError):
        versions.roll_back(version=version, instead_of=1, reason="x", by=mia, at=NOON)


def test_a_version_that_cannot_be_read_any_more_does_not_come_back(live, mia, max_):
    published(mia, max_)
    with tampering():
        live.rules.update(expression="gone_feature > 1")

    with pytest.raises(ContentError, match="gone_feature"):
        versions.roll_back(version=1, instead_of=2, reason="x", by=mia, at=LATER)

    assert Policy.objects.get(status="live").version == 2


def test_what_is_wrong_by_now_is_for_a_copy_to_mend_and_keeps_nobody_from_rolling_back(live, mia, max_):
    published(mia, max_)
    with tampering():
        live.rules.filter(code="large").update(words="{renamed_feature}")

    copy = versions.draft_copy(of=1, note="x", by=mia, at=LATER)

    with pytest.raises(ContentError, match="renamed_feature"):
        versions.put_in_shadow(version=copy.version, by=mia, at=LATER)
    assert versions.roll_back(version=1, instead_of=2, reason="x", by=mia, at=LATER).status == "live"
