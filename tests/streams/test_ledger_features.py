"""The ledger check of features: live states and stored vectors beside those that the record gives."""

import numpy as np
import pytest
from django.db.models import F

from scoring.features.definitions import INDEX
from scoring.features.events import state_key
from scoring.features.layout import layouts
from scoring.features.live import Pending
from scoring.models import Decision, Label, PendingFeatures
from scoring.services.features import settle_features
from scoring.services.labels import LabelStatement, record_labels
from streams.ledger import features
from streams.outbox import relay_outbox
from tests.factories import DAY, NOON
from tests.scoring.payments import body_of, tampering
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
    settle_features("", store=world.store)
    assert run()[1]["D"]["standing"] == "holds"

    with tampering():
        Label.objects.update(applied_at=None)
    assert "frauds" in run()[1]["D"]["examples"][0]


def test_payments_by_call_have_states_too_but_no_vectors_to_compare(world):
    Decision.objects.update(source="api")

    checks = run()[1]

    assert checks["D"]["standing"] == "holds"
    assert "vectors compared" not in checks["D"]["counts"]


def test_page_after_page_gives_the_same_states_and_vectors(world, monkeypatch):
    monkeypatch.setattr(features, "PAYMENTS_AT_ONCE", 1)
    decided = Decision.objects.get(transaction_id="x")
    record_labels([LabelStatement("x", "fraud", "chargeback", decided.decided_at)], author=None)
    relay_outbox()
    settle_features("", store=world.store)

    checks = run()[1]

    assert checks["D"]["standing"] == "holds"
    assert checks["D"]["counts"] == {"vectors compared": 3, "states compared": 3}


def test_names_that_a_line_of_values_could_be_mistaken_in_are_read_as_they_are(world):
    world.send(
        body_of(card_id='a"b,c\\', merchant_id='"', device_id="'}%s", customer_id="NULL"), body_of(device_id="\\N")
    )
    world.work()

    checks = run()[1]

    assert checks["D"]["standing"] == "holds"
    assert checks["D"]["counts"] == {"vectors compared": 5, "states compared": 8}


@pytest.mark.parametrize(("earlier", "later"), [("2001:db8::1", "2001:DB8::2"), ("::ffff:192.0.2.7", "192.0.2.7")])
def test_a_network_counts_its_payments_from_before_the_span_whatever_their_address(world, earlier, later):
    for address in (earlier, later):
        names = {name: f"{name}-{address}" for name in ("card_id", "merchant_id", "device_id")}
        world.send(body_of(ip_address=address, **names))
    world.work()
    Decision.objects.update(decided_at=NOON - 30 * DAY)
    Decision.objects.filter(record__ip_address=later).update(decided_at=NOON)

    check = run("--since", (NOON - DAY).isoformat())[1]["D"]

    assert check["standing"] == "holds"
    assert check["counts"] == {"vectors compared": 1, "states compared": 4}
    Decision.objects.filter(record__ip_address=earlier).delete()
    assert ":ip:" in run("--since", (NOON - DAY).isoformat())[1]["D"]["examples"][0]


@pytest.mark.parametrize(("at_once", "vectors"), [(100, None), (1, 2)])
def test_who_was_silent_for_90_days_is_passed_over(world, monkeypatch, at_once, vectors):
    monkeypatch.setattr(features, "PAYMENTS_AT_ONCE", at_once)
    Decision.objects.filter(transaction_id="x").update(received_at=F("received_at") + 91 * DAY)

    check = run()[1]["D"]

    assert check["counts"]["states passed over: silent for 90 days"] == 3
    assert check["counts"]["states compared"] == 0
    assert check["counts"].get("vectors compared") == vectors


def test_a_state_that_expired_since_is_passed_over(world):
    Decision.objects.update(received_at=NOON - 365 * DAY)
    world.store.states.clear()

    check = run()[1]["D"]

    assert check["faults"] == 0
    assert check["counts"]["states passed over: silent for 90 days"] == 3


def test_calls_at_one_moment_may_have_been_counted_in_another_order(world):
    Decision.objects.filter(transaction_id="x").update(source="api")
    key = state_key("card", "card-1")
    state = bytearray(world.store.states[key])
    part = layouts()["card"].parts["decline_streak"]
    np.frombuffer(state, part.dtype)[part.start] += 1
    world.store.states[key] = bytes(state)

    check = run()[1]["D"]

    assert check["standing"] == "holds"
    assert check["counts"]["cards whose calls at one moment have no order"] == 1
    assert "vectors compared" not in check["counts"]


def test_a_store_that_was_lost_cannot_be_compared(world):
    world.store.generations.clear()

    assert run()[1]["D"]["standing"] == "not checkable"
