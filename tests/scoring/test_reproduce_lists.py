"""A decision is made again with the lists as they stood then, which only their trace knows."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from scoring.features.live import MemoryStore
from scoring.models import ListChange, ListEntry
from scoring.services.lists import add_list_entry, remove_list_entry
from tests.factories import make_user
from tests.scoring.degraded import decide
from tests.scoring.payments import make_payment, publish
from tests.scoring.test_reproduce import again, differing

pytestmark = pytest.mark.django_db
AGO = timedelta(minutes=10)


@pytest.fixture(autouse=True)
def _policy(db) -> None:
    publish()


def entry(list_name: str = "block", **overrides) -> ListEntry:
    people = {
        "author": overrides.pop("author", None) or make_user("manager", username=f"m{ListChange.objects.count()}")
    }
    values = {"entity": "card", "value": "card-1", "reason": "stolen", "expires_at": None}
    return add_list_entry(list_name=list_name, **values | people | overrides)


def backdate(before: timedelta) -> None:
    """Let what happened on the lists so far have happened earlier."""
    for change in ListChange.objects.all():
        ListChange.objects.filter(id=change.id).update(happened_at=change.happened_at - before)


def test_the_lists_are_those_of_then():
    (free,) = decide(MemoryStore(), make_payment())
    listed = entry()
    entry("allow", entity="device", value="d-1", reason="known")
    backdate(AGO)
    (stopped,) = decide(MemoryStore(), make_payment())
    remove_list_entry(entry_id=listed.id, reason="found again", author=make_user("manager"))
    ListChange.objects.filter(action="removed").update(happened_at=now() + AGO)

    results = again(stopped)

    assert stopped.rule_hits == ["block_list:card", "allow_list:device"]
    assert results[0].same
    # And where the trace says that it stood there already, a decision that did not see it is told.
    assert not again(free)[0].same


def test_an_entry_that_was_added_once_more_has_the_reason_of_then():
    entry(reason="stolen")
    backdate(AGO)
    (first,) = decide(MemoryStore(), make_payment())
    entry(reason="stolen twice")
    ListChange.objects.filter(reason="stolen twice").update(happened_at=now() + AGO)
    assert "stolen" in first.reasons[0]["words"]

    assert again(first)[0].same


def test_an_entry_that_had_run_out_is_not_seen():
    entry(expires_at=now() + timedelta(minutes=1))
    backdate(AGO)
    (stopped,) = decide(MemoryStore(), make_payment())
    assert stopped.outcome == "decline"

    assert again(stopped)[0].same
    ListChange.objects.update(expires_at=now() - timedelta(minutes=1))
    assert differing(again(stopped)[0]) == {"outcome", "reasons", "rule_hits"}


@pytest.mark.parametrize("seconds", [-4, 4])
def test_a_change_at_the_moment_of_the_decision_may_have_been_seen_or_not(seconds):
    (unseen,) = decide(MemoryStore(), make_payment())
    entry()
    (seen,) = decide(MemoryStore(), make_payment())

    for row in (unseen, seen):
        ListChange.objects.update(happened_at=row.decided_at + timedelta(seconds=seconds))
        assert again(row)[0].same


def test_a_change_well_before_the_decision_must_have_been_seen():
    (unseen,) = decide(MemoryStore(), make_payment())
    entry()
    ListChange.objects.update(happened_at=unseen.decided_at - AGO)

    assert differing(again(unseen)[0]) == {"outcome", "reasons", "rule_hits"}
