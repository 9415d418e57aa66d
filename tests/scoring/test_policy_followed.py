"""What each process knows of policy versions: the one in force, those that are tried, and what to do with bad ones."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from scoring.models import PolicyEvent
from scoring.services import policy as in_force
from scoring.services import policy_versions as versions
from scoring.services.policy import policy_in_force, shadowed_versions
from scoring.services.policy_content import content_of
from tests.factories import NOON, make_user
from tests.scoring.payments import tampering
from tests.scoring.policy_world import draft, proposed, published


@pytest.fixture
def mia(db) -> User:
    return make_user("manager")


@pytest.fixture
def max_(db) -> User:
    return make_user("manager", username="max")


def test_a_process_knows_which_versions_are_tried(live, mia, monkeypatch):
    monkeypatch.setattr(in_force, "RECHECK_SECONDS", 0.0)
    assert shadowed_versions() == set()
    versions.put_in_shadow(version=draft(mia).version, by=mia, at=NOON)
    proposed(mia)

    assert shadowed_versions() == {2, 3}
    assert policy_in_force().version == 1


def test_looking_again_is_one_query_for_all_versions(live, mia, monkeypatch, django_assert_num_queries):
    proposed(mia)
    policy_in_force()
    monkeypatch.setattr(in_force, "RECHECK_SECONDS", 0.0)

    with django_assert_num_queries(1):
        policy_in_force()


def test_a_version_that_cannot_be_read_leaves_the_last_good_one_in_force_and_shouts(
    live, mia, max_, monkeypatch, caplog
):
    policy_in_force()
    version = published(mia, max_)
    with tampering():
        version.rules.update(expression="newer_feature > 1")
    monkeypatch.setattr(in_force, "RECHECK_SECONDS", 0.0)

    assert policy_in_force().version == 1
    assert "version 1 stays in force here: version 2 cannot be read" in caplog.text


def test_bands_and_lists_travel_with_a_version(live, mia):
    bands = (in_force.BandDraft("EUR", Decimal(100), 0.2, 0.7), in_force.BandDraft("EUR", Decimal(1000), 0.1, 0.6))
    policy = draft(mia, bands=bands, lists={"block": "review"})

    copy = versions.draft_copy(of=policy.version, note="x", by=mia, at=NOON)

    assert content_of(copy).bands == bands
    assert content_of(copy).lists == {"block": "review"}
    assert PolicyEvent.objects.filter(policy=copy).count() == 1
