"""What a state store promises, asked of the memory and of the real one."""

import gc
import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings

from scoring.features.definitions import INDEX, VERSION
from scoring.features.events import FraudKnown
from scoring.features.live import (
    RECEIPT_SECONDS,
    STATE_SECONDS,
    FeatureStoreError,
    FeatureStoreLostError,
    MemoryStore,
    PartlyCountedError,
    Pending,
    ValkeyStore,
)
from scoring.features.valkey import LINGER_SECONDS
from tests.contracts.stored_rows import KEYS, NOBODY, A, B, payments, row_of, states, write
from tests.factories import NOON
from tests.feature_store import open_empty


def test_what_was_written_is_read_in_the_order_asked(store):
    assert write(store, {A: 1, B: 1}) is None

    assert states(store, [B, NOBODY, A]) == [row_of(1), None, row_of(1)]
    assert states(store, []) == []


def test_a_batch_of_thousands_of_entities_is_one_write(store):
    many = {f"feature:{VERSION}:card:{number}": 1 for number in range(2001)}

    assert write(store, many, "17") is None

    assert states(store, list(many)) == [row_of(1)] * 2001
    assert store.has_receipts(["17"]) == [True]


def test_a_write_over_rows_that_changed_since_names_them_and_stores_nothing(store):
    write(store, {A: 1, B: 1})
    write(store, {B: 2})

    changed = write(store, {A: 2, B: 2, NOBODY: 2}, "late")

    assert changed == {1: row_of(2), 2: None}
    assert states(store, KEYS) == [row_of(1), row_of(2), None]
    assert store.has_receipts(["late"]) == [False]


def test_what_changed_can_be_asked_before_anything_is_sent(store):
    write(store, {A: 1, B: 1})
    write(store, {B: 2})
    before = [row_of(1)[:8], row_of(1)[:8], bytes(8)]

    assert store.changed(KEYS, before) == {1: row_of(2)}
    assert store.changed(KEYS, [row_of(1)[:8], row_of(2)[:8], bytes(8)]) == {}
    assert states(store, KEYS) == [row_of(1), row_of(2), None]


def test_a_contended_store_is_asked_first_until_nobody_interferes(valkey):
    store = ValkeyStore(settings.REDIS_URL, timeout_seconds=5.0)
    first, second, third = (Pending(store, payments(1, card_id=f"card-{i}")) for i in range(3))
    first.write()
    assert not store.is_contended

    second.write()
    assert store.is_contended
    third.write()
    assert store.is_contended
    Pending(store, payments(1)).write()

    assert not store.is_contended
    assert Pending(store, payments(1)).vectors[0, INDEX["merchant_count_24h"]] == 4.0


def test_a_write_under_a_receipt_that_is_there_does_nothing_and_counts_as_done(store):
    write(store, {A: 1}, "17")

    assert write(store, {A: 2, B: 1}, "17") is None

    assert states(store, [A, B]) == [row_of(1), None]
    assert store.has_receipts(["17", "18"]) == [True, False]
    assert store.has_receipts([]) == []


def test_batches_that_are_written_together_have_a_receipt_each(store):
    assert write(store, {A: 1, B: 1}, "17", "18") is None
    assert store.has_receipts(["17", "18", "19"]) == [True, True, False]

    assert write(store, {A: 2}, "18", "17") is None
    assert states(store, [A]) == [row_of(1)]


def test_a_write_of_several_batches_of_which_some_are_counted_stores_nothing(store):
    write(store, {A: 1}, "17")

    with pytest.raises(PartlyCountedError):
        write(store, {A: 2, B: 1}, "16", "17", "18")

    assert states(store, [A, B]) == [row_of(1), None]
    assert store.has_receipts(["16", "17", "18"]) == [False, True, False]


def test_a_write_of_hundreds_of_batches_is_one_write(store):
    many = [str(number) for number in range(500)]

    assert write(store, {A: 1}, *many) is None

    assert store.has_receipts(many) == [True] * 500


def test_forgotten_receipts_stay_for_who_wakes_up_late_and_go_then(valkey):
    store = ValkeyStore(settings.REDIS_URL, timeout_seconds=5.0)
    write(store, {A: 1}, "17")
    write(store, {B: 1}, "18")
    write(store, {A: 2}, "19", forget=["17"])

    assert write(store, {}, forget=["18"]) is None

    kept = {receipt: valkey.ttl(f"feature:{VERSION}:receipt:{receipt}") for receipt in ("17", "18", "19")}
    assert store.has_receipts(["17", "18", "19"]) == [True, True, True]
    assert LINGER_SECONDS - 60 < kept["17"] <= LINGER_SECONDS
    assert LINGER_SECONDS - 60 < kept["18"] <= LINGER_SECONDS
    assert kept["19"] > LINGER_SECONDS


def test_a_write_read_from_another_generation_is_refused(store):
    with pytest.raises(FeatureStoreLostError):
        write(store, {A: 1}, "17", generation=b"the one before")

    assert states(store, [A]) == [None]
    assert store.has_receipts(["17"]) == [False]


def test_the_slower_of_two_writers_computes_again_and_loses_nothing(store):
    first, second = Pending(store, payments(3)), Pending(store, payments(2, card_id="card-2"))

    first.write()
    second.write()

    probe = Pending(store, payments(1, card_id="card-2"))
    assert probe.vectors[0, INDEX["merchant_count_24h"]] == 5.0
    assert probe.vectors[0, INDEX["card_count_24h"]] == 2.0


def test_threads_that_share_a_merchant_lose_nothing(store):
    if isinstance(store, MemoryStore):
        pytest.skip("the memory store serves one thread")

    def work(card: str) -> None:
        for payment in payments(15, card_id=card):
            Pending(store, [payment]).write()

    threads = [threading.Thread(target=work, args=(f"card-{i}",)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    vectors = Pending(store, payments(1)).vectors
    assert vectors[0, INDEX["merchant_count_24h"]] == 45.0


def test_a_batch_that_another_process_applied_meanwhile_is_not_applied_again(store):
    batch = payments(4)
    held_up = Pending(store, batch)
    Pending(store, batch).write(("9",))

    held_up.write(("9",))

    assert Pending(store, payments(1)).vectors[0, INDEX["card_count_24h"]] == 4.0


def test_a_batch_of_nothing_does_not_ask_the_store(lost):
    pending = Pending(lost, [])

    pending.write(("9",))

    assert pending.vectors.shape[0] == 0


def test_a_write_gives_up_when_states_keep_changing(store, monkeypatch):
    monkeypatch.setattr(type(store), "write", lambda *arguments: {0: None})

    with pytest.raises(FeatureStoreError, match="kept changing"):
        Pending(store, payments(1)).write()


def test_a_state_of_another_width_is_refused(store):
    write(store, {f"feature:{VERSION}:card:card-1": 1})

    with pytest.raises(FeatureStoreError, match="width"):
        Pending(store, payments(1))


def test_both_stores_hold_the_same_bytes():
    memory, valkey = MemoryStore(), ValkeyStore(settings.REDIS_URL, timeout_seconds=5.0)
    open_empty(valkey)
    fraud = FraudKnown(
        card_id="card-1", merchant_id="m-1", device_id="d-1", amount=Decimal(20), known_at=NOON + timedelta(minutes=1)
    )
    events = [*payments(20, ip_address="2001:db8::1"), fraud, *payments(5, merchant_id="m-2", customer_id="c-1")]

    for store in (memory, valkey):
        for start in range(0, len(events), 6):
            Pending(store, events[start : start + 6]).write((f"w={start}",))

    assert states(valkey, list(memory.states)) == list(memory.states.values())
    assert len({key.split(":")[2] for key in memory.states}) == 5


def test_states_and_receipts_expire_and_the_generation_does_not(valkey):
    store = ValkeyStore(settings.REDIS_URL, timeout_seconds=5.0)
    open_empty(store)
    Pending(store, payments(1)).write(("9",))

    times = {key: valkey.ttl(key) for key in valkey.keys("feature:*")}

    assert times.pop(f"feature:{VERSION}:generation".encode()) == -1
    assert RECEIPT_SECONDS - 60 < times.pop(f"feature:{VERSION}:receipt:9".encode()) <= RECEIPT_SECONDS
    assert len(times) == 3
    assert all(STATE_SECONDS - 60 < seconds <= STATE_SECONDS for seconds in times.values())


def test_a_store_that_is_dropped_closes_its_connections_at_once(valkey):
    before = len(valkey.client_list())
    store = ValkeyStore(settings.REDIS_URL, timeout_seconds=5.0)
    open_empty(store)
    assert len(valkey.client_list()) == before + 1
    gc.disable()

    try:
        del store
        assert len(valkey.client_list()) == before
    finally:
        gc.enable()


def test_a_connection_the_server_closed_is_opened_again(valkey):
    store = ValkeyStore(settings.REDIS_URL, timeout_seconds=5.0)
    open_empty(store)
    write(store, {A: 1})
    valkey.client_kill_filter(_type="normal", skipme=True)

    assert states(store, [A]) == [row_of(1)]


def test_a_server_that_was_restarted_learns_the_script_again(valkey):
    store = ValkeyStore(settings.REDIS_URL, timeout_seconds=5.0)
    open_empty(store)
    write(store, {A: 1})
    valkey.script_flush()

    assert write(store, {A: 2}) is None


def test_a_server_that_is_away_is_told_apart_from_an_empty_one():
    away = ValkeyStore("redis://127.0.0.1:1/0", timeout_seconds=0.2)

    for ask in (
        lambda: away.read(["a"]),
        lambda: write(away, {A: 1}, generation=b"g"),
        lambda: away.has_receipts(["9"]),
        away.generation,
        lambda: away.begin_rebuild("one"),
        lambda: away.finish_rebuild("one"),
    ):
        with pytest.raises(FeatureStoreError) as raised:
            ask()
        assert not isinstance(raised.value, FeatureStoreLostError)
