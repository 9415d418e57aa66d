"""What a state store promises, asked of the memory and of the real one."""

import threading
from datetime import timedelta

import numpy as np
import pytest
from django.conf import settings

from scoring.features.definitions import INDEX
from scoring.features.events import FraudKnown, Payment
from scoring.features.live import (
    STATE_SECONDS,
    FeatureStoreError,
    MemoryStore,
    Pending,
    StateStore,
    ValkeyStore,
)
from tests.factories import NOON
from tests.scoring.payments import make_payment


@pytest.fixture(params=["memory", "valkey"])
def store(request) -> StateStore:
    return MemoryStore() if request.param == "memory" else ValkeyStore(settings.REDIS_URL, timeout_seconds=5.0)


def row_of(writes: float, width: int = 3) -> bytes:
    return np.array([writes] + [7.0] * (width - 1)).tobytes()


def payments(count: int, **overrides) -> list[Payment]:
    return [Payment(make_payment(occurred_at=NOON + timedelta(seconds=i), **overrides), NOON) for i in range(count)]


def test_what_was_written_is_read_in_the_order_asked(store):
    assert store.write(["a", "b"], [0.0, 0.0], [row_of(1.0), row_of(1.0, 5)], "")

    assert store.read(["b", "nobody", "a"]) == [row_of(1.0, 5), None, row_of(1.0)]
    assert store.read([]) == []


def test_a_write_over_a_row_that_changed_since_is_refused_as_a_whole(store):
    store.write(["a", "b"], [0.0, 0.0], [row_of(1.0), row_of(1.0)], "w=1")
    store.write(["b"], [1.0], [row_of(2.0)], "")

    assert not store.write(["a", "b"], [1.0, 1.0], [row_of(2.0), row_of(2.0)], "w=2")

    assert store.read(["a", "b"]) == [row_of(1.0), row_of(2.0)]
    assert store.mark_of("w") == "1"


def test_a_row_that_nobody_wrote_counts_no_writes(store):
    assert not store.write(["a"], [1.0], [row_of(2.0)], "w=5")

    assert store.read(["a"]) == [None]
    assert store.mark_of("w") == ""


def test_marks_move_with_the_states_and_apart_by_writer(store):
    store.write(["a"], [0.0], [row_of(1.0)], "stream:transactions/0=41")
    store.write(["b"], [0.0], [row_of(1.0)], "file:a=b.csv=7")

    assert store.mark_of("stream:transactions/0") == "41"
    assert store.mark_of("file:a=b.csv") == "7"
    assert store.mark_of("stream:transactions/1") == ""


def test_a_mark_may_move_without_any_state(store):
    assert store.write([], [], [], "w=3")

    assert store.mark_of("w") == "3"


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

    def write(card: str) -> None:
        for payment in payments(15, card_id=card):
            Pending(store, [payment]).write()

    threads = [threading.Thread(target=write, args=(f"card-{i}",)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    vectors = Pending(store, payments(1)).vectors
    assert vectors[0, INDEX["merchant_count_24h"]] == 45.0


def test_a_writer_whose_batch_was_mended_by_the_next_owner_does_not_apply_it_again(store):
    batch = payments(4)
    held_up = Pending(store, batch)
    Pending(store, batch).write("w=9")

    held_up.write("w=9")

    assert Pending(store, payments(1)).vectors[0, INDEX["card_count_24h"]] == 4.0
    assert store.mark_of("w") == "9"


def test_a_write_gives_up_when_states_keep_changing(store, monkeypatch):
    monkeypatch.setattr(type(store), "write", lambda *arguments: False)

    with pytest.raises(FeatureStoreError, match="kept changing"):
        Pending(store, payments(1)).write()


def test_both_stores_hold_the_same_bytes():
    memory, valkey = MemoryStore(), ValkeyStore(settings.REDIS_URL, timeout_seconds=5.0)
    events = [*payments(20), FraudKnown("m-1", "d-1", NOON + timedelta(minutes=1)), *payments(5, merchant_id="m-2")]

    for store in (memory, valkey):
        for start in range(0, len(events), 6):
            Pending(store, events[start : start + 6]).write(f"w={start}")

    keys = list(memory.states)
    assert valkey.read(keys) == memory.read(keys)
    assert valkey.mark_of("w") == memory.mark_of("w") == "24"


def test_states_expire_and_marks_do_not(valkey):
    Pending(ValkeyStore(settings.REDIS_URL, timeout_seconds=5.0), payments(1)).write("w=1")

    times = {key: valkey.ttl(key) for key in valkey.keys("feature:*")}

    assert times.pop(b"feature:mark:w") == -1
    assert len(times) == 3
    assert all(STATE_SECONDS - 60 < seconds <= STATE_SECONDS for seconds in times.values())


def test_a_server_that_is_away_is_told_apart_from_an_empty_one():
    away = ValkeyStore("redis://127.0.0.1:1/0", timeout_seconds=0.2)

    with pytest.raises(FeatureStoreError):
        away.read(["a"])
    with pytest.raises(FeatureStoreError):
        away.write(["a"], [0.0], [row_of(1.0)], "")
    with pytest.raises(FeatureStoreError):
        away.mark_of("w")
