"""A rule that is silent for a card, merchant ... until a day."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from scoring.features.live import MemoryStore
from scoring.models import ListChange, ListEntry, NamedList
from scoring.services.lists import NotListedError, add_list_entry
from scoring.services.rule_snoozes import UnknownRuleError, end_snooze, snooze_rule
from tests.factories import DAY, make_user
from tests.scoring.degraded import decide
from tests.scoring.payments import make_payment, publish


@pytest.fixture
def mia(db):
    publish()
    return make_user("manager")


def snooze(author, **others):
    values = {"code": "large", "entity": "card", "value": "card-1", "reason": "a wedding", "until": now() + DAY}
    return snooze_rule(author=author, **values | others)


def outcome(**fields):
    return decide(MemoryStore(), make_payment(amount="1500", **fields))[0].outcome


def test_the_next_payment_of_a_snoozed_card_does_not_meet_the_rule(mia):
    snooze(mia)

    assert outcome() == "approve"
    assert outcome(card_id="card-2") == "review"


def test_a_snooze_that_was_ended_or_is_over_silences_nothing(mia):
    snooze(mia)
    end_snooze(code="large", entity="card", value="card-1", reason="enough", author=mia)
    assert outcome() == "review"

    snooze(mia)
    ListEntry.objects.update(expires_at=now() - timedelta(seconds=1))
    assert outcome() == "review"


def test_a_snooze_once_more_has_the_new_end_and_both_leave_a_trace(mia):
    snooze(mia)
    until = now() + 60 * DAY

    snooze(mia, until=until)

    assert ListEntry.objects.get().expires_at == until
    assert list(ListChange.objects.values_list("action", "list", "author")) == [("added", "snooze:large", mia.id)] * 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"until": timedelta(days=91)},
        {"until": timedelta(seconds=-1)},
        {"reason": " "},
        {"reason": "x" * 201},
        {"value": ""},
        {"entity": "ip", "value": "nowhere"},
    ],
)
def test_a_snooze_that_is_too_long_or_of_nothing_is_refused(mia, wrong):
    if "until" in wrong:
        wrong = {"until": now() + wrong["until"]}

    with pytest.raises(ValueError, match=r"\."):
        snooze(mia, **wrong)

    assert not ListEntry.objects.exists()
    assert not NamedList.objects.filter(name="snooze:large").exists()


def test_a_rule_that_there_is_not_cannot_be_snoozed(mia):
    with pytest.raises(UnknownRuleError, match="lrage"):
        snooze(mia, code="lrage")


def test_what_is_not_snoozed_cannot_be_ended(mia):
    with pytest.raises(NotListedError):
        end_snooze(code="large", entity="card", value="card-1", reason="x", author=mia)


def test_no_way_leads_to_a_snooze_without_an_end(mia):
    entry = snooze(mia)

    with pytest.raises(ValueError, match="90 days"):
        add_list_entry(list_name="snooze:large", entity="card", value="card-2", reason="x", expires_at=None, author=mia)
    with pytest.raises(IntegrityError, match="list_entry_snooze_ends"), transaction.atomic():
        ListEntry.objects.filter(id=entry.id).update(expires_at=None)
