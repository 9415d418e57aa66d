"""The ledger check of features: live states and stored vectors beside those that the record gives."""

import numpy as np
import pytest

from scoring.features.definitions import INDEX
from scoring.features.events import state_key
from scoring.features.layout import layouts
from scoring.features.live import Pending
from scoring.models import Decision, Label, PendingFeatures
from scoring.services.features import settle_features
from scoring.services.labels import LabelStatement, record_labels
from streams.outbox import relay_outbox
from tests.scoring.payments import body_of
from tests.streams.ledger_world import World, a_day_of_work, broken, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db, monkeypatch) -> World:
    return a_day_of_work(monkeypatch)


def test_a_state_that_is_not_what_the_record_gives_is_found(world):
    key = state_key("merchant", "m-1")
    state = bytearray(world.store.states[key])
    name, part = next((name, part) for name, part in layouts()["merchant"].parts.items() if name.endswith("_counts"))
    np.frombuffer(state, part.dtype)[part.start : part.start + part.cells] += 1
    world.store.states[key] = bytes(state)

    code, checks = run()

    assert code == 1
    assert checks["D"]["examples"] == [f"{key} differs in {name}"]
    del world.store.states[key]
    assert run()[1]["D"]["examples"] == [f"{key} differs in all of it"]


def test_a_payment_that_was_counted_twice_is_found(world):
    row = PendingFeatures.objects.latest("id")
    world.store.receipts.clear()
    settle_features("", store=world.store)

    assert row.decision_ids
    assert broken() == "D"


def test_a_payment_whose_features_are_on_their_way_is_not_called_wrong(world):
    PendingFeatures.objects.all().delete()
    with pytest.MonkeyPatch.context() as down:
        down.setattr(Pending, "write", lambda *arguments, **options: None)
        world.send(body_of())
        world.work()

    code, checks = run()

    assert code == 0
    assert "kept changing" in checks["D"]["unknown"][0]
    settle_features("", store=world.store)
    assert broken() == ""


def test_a_stored_vector_that_the_record_does_not_give_is_found(world):
    row = Decision.objects.latest("id")
    vector = np.frombuffer(row.features, np.float32).copy()
    vector[INDEX["card_count_1h"]] += 1
    Decision.objects.filter(id=row.id).update(features=vector.tobytes())

    assert run()[1]["D"]["examples"] == [
        f"transaction {row.transaction_id} was decided with other values of card_count_1h"
    ]


def test_frauds_are_counted_once_like_the_features_count_them(world):
    decided = Decision.objects.get(transaction_id="x")
    said = [LabelStatement("x", "fraud", source, decided.decided_at) for source in ("chargeback", "customer")]
    record_labels(said, author=None)
    relay_outbox()
    assert run()[1]["D"]["standing"] == "holds"

    Label.objects.update(applied_at=None)
    assert "frauds" in run()[1]["D"]["examples"][0]


def test_payments_by_call_have_states_too_but_no_vectors_to_compare(world):
    Decision.objects.update(source="api")

    checks = run()[1]

    assert checks["D"]["standing"] == "holds"
    assert "vectors compared" not in checks["D"]["counts"]


def test_a_store_that_was_lost_cannot_be_compared(world):
    world.store.generations.clear()

    assert run()[1]["D"]["standing"] == "not checkable"
