"""Champion and challenger change while calls and the stream decide: no error, no decision by parts of two models."""

import pytest

from scoring.models import Decision
from scoring.services import line_up
from scoring.services.reproduction import reproduce
from tests.factories import make_user
from tests.scoring.payments import publish
from tests.scoring.swap_world import make_three, swap_under_load


@pytest.mark.django_db(transaction=True)
def test_models_are_swapped_every_second_under_load(monkeypatch):
    monkeypatch.setattr(line_up, "RECHECK_SECONDS", 0.1)
    publish(review=0.5, decline=0.9)
    make_three()

    swaps, failures = swap_under_load(make_user("manager"), seconds=10.0, every=1.0)

    assert swaps > 1
    assert failures == []
    decided = list(Decision.objects.order_by("id"))
    assert {one.model_version for one in decided} == {"m-0", "m-1", "m-3"}
    assert {one.source for one in decided} == {"stream:x", "api"}
    assert [one.transaction_id for one in reproduce(decided) if not one.same] == []
    assert not any(one.degraded for one in decided)
