"""Verdicts and people who change the same entries of lists at once."""

from threading import Event

import pytest
from django.db import transaction
from django.utils.timezone import now

from cases.models import VerdictEffect
from scoring.models import ListEntry
from scoring.services.lists import add_list_entry
from tests.cases.test_alerts import in_threads
from tests.cases.test_verdict_effects import OTHERS
from tests.cases.verdicts_settled import decide, settle
from tests.factories import DAY, make_case, make_user
from tests.scoring.test_list_races import backend, wait_until_somebody_waits_for


@pytest.mark.django_db(transaction=True)
def test_a_verdict_waits_for_who_blocks_by_hand_and_leaves_that_as_it_is():
    alice, mia = make_user(), make_user("manager")
    case = make_case()
    block = {"list_name": "block", "entity": "card", "value": case.card_id, "expires_at": None, "author": mia}
    add_list_entry(**block | {"reason": OTHERS, "expires_at": now() + DAY})
    decide(case, alice, block_days=7)
    holds = Event()

    def by_hand():
        with transaction.atomic():
            add_list_entry(**block, reason="by hand")
            holds.set()
            wait_until_somebody_waits_for(backend())

    def by_verdict():
        assert holds.wait(20)
        return settle()

    assert in_threads(by_hand, by_verdict) == [None, 1]
    assert ListEntry.objects.values_list("reason", "expires_at").get() == ("by hand", None)
    assert "stays as it is" in VerdictEffect.objects.get(kind="block_card").words
