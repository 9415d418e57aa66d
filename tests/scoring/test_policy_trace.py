"""What was done with a policy version, and by whom, stays as it was; what it says and who wrote it stay together."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from scoring.models import Policy, PolicyEvent
from scoring.services import policy_versions as versions
from scoring.services.policy_guards import OwnVersionError, WrongStepError
from tests.factories import DAY, HOUR, NOON, make_user
from tests.scoring.payments import publish, tampering
from tests.scoring.policy_world import draft, edit, proposed, published

pytestmark = pytest.mark.django_db
LATER = NOON + DAY


@pytest.fixture(autouse=True)
def live() -> Policy:
    return publish()


@pytest.fixture
def mia():
    return make_user("manager")


@pytest.fixture
def max_():
    return make_user("manager", username="max")


@pytest.fixture
def zoe():
    return make_user("manager", username="zoe")


def refused(work):
    with pytest.raises(IntegrityError), transaction.atomic():
        work()


def test_no_event_is_changed_or_taken_out(live, mia):
    events = PolicyEvent.objects.filter(policy=draft(mia))

    refused(lambda: events.update(by=None))
    refused(lambda: events.update(happened_at=LATER))
    refused(events.delete)

    assert events.get().by == mia


@pytest.mark.parametrize(
    "changed",
    [
        {"created_by": None}, {"proposed_by": None}, {"proposed_at": None}, {"published_by": None},
        {"published_at": LATER}, {"note": "other"}, {"created_at": LATER}, {"based_on": None}, {"revision": 7},
        {"status": "proposed"}, {"status": "discarded"}, {"status": "draft"},
    ],
)  # fmt: skip
def test_who_wrote_proposed_and_published_a_version_stays(mia, max_, changed):
    version = Policy.objects.filter(id=published(mia, max_).id)
    before = version.values().get()

    refused(lambda: version.update(**changed))

    assert version.values().get() == before


@pytest.mark.parametrize("status", ["live", "shadow", "proposed", "retired"])
def test_what_was_discarded_comes_back_by_no_way(mia, status):
    version = draft(mia).version
    versions.discard(version=version, reason="", by=mia, at=NOON)

    refused(lambda: Policy.objects.filter(version=version).update(status=status, published_at=LATER))


def test_a_process_of_the_release_before_publishes_nothing_by_itself(live):
    columns = "version, review_threshold, decline_threshold, note, published_at"

    def publish_as_before():
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO scoring_policy ({columns}) VALUES (9, 0.1, 0.2, 'alone', now())")

    refused(publish_as_before)

    assert Policy.objects.get() == live


def test_a_version_that_nobody_published_is_not_brought_back(live, mia):
    second = draft(mia)
    with tampering():
        Policy.objects.filter(id=second.id).update(status="retired", published_at=NOON)

    with pytest.raises(WrongStepError, match="never in force"):
        versions.roll_back(version=second.version, instead_of=live.version, reason="back", by=mia, at=LATER)


@pytest.mark.parametrize("times", [1, 3])
def test_who_edited_a_version_that_was_sent_back_does_not_publish_what_becomes_of_it(mia, max_, zoe, times):
    version = edit(draft(mia), max_, review_threshold=0.01).version
    for _ in range(times):
        versions.propose(version=version, note="", by=mia, at=NOON + HOUR)
        version = versions.send_back(version=version, reason="look again", by=max_, at=NOON + HOUR).version
    versions.propose(version=version, note="", by=mia, at=NOON + HOUR)

    with pytest.raises(OwnVersionError):
        versions.publish(version=version, by=max_, at=LATER)

    assert versions.publish(version=version, by=zoe, at=LATER).status == "live"


def test_who_edited_a_version_does_not_publish_it_carried_over(mia, max_, zoe):
    own = edit(draft(mia), max_, review_points=3)
    published(mia, zoe)
    new, _ = versions.rebase(version=own.version, by=zoe, at=LATER)
    versions.propose(version=new.version, note="", by=mia, at=LATER)

    with pytest.raises(OwnVersionError):
        versions.publish(version=new.version, by=max_, at=LATER)

    assert versions.publish(version=new.version, by=zoe, at=LATER + timedelta(minutes=1)).status == "live"


def test_nobody_publishes_a_version_of_others_by_sending_it_back_and_proposing_it(mia, max_):
    version = versions.send_back(version=proposed(mia).version, reason="mine now", by=max_, at=LATER).version
    versions.propose(version=version, note="", by=max_, at=LATER)

    with pytest.raises(OwnVersionError):
        versions.publish(version=version, by=max_, at=LATER)
