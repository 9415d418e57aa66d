"""A feature store that was lost or came back older is made what the record says, whoever was in the middle of what."""

from collections.abc import Callable

import pytest
import redis
from django.conf import settings

from scoring.features.live import FeatureStoreError, MemoryStore, ValkeyStore
from scoring.models import PendingFeatures
from scoring.services import features, rebuild
from tests.scoring.payments import body_of
from tests.streams.flow import assert_exact, drain, features_of_the_record, payments, run, send, worker_on

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]


def lose(store: MemoryStore) -> None:
    store.states.clear()
    store.receipts.clear()
    store.generations.clear()


def test_a_store_made_again_counts_a_cards_payments_in_their_order(stream, store, monkeypatch):
    monkeypatch.setattr(features, "SYNC_SECONDS", 0.0)
    send(stream, *(body_of(amount=str(amount)) for amount in (10, 20, 30)))
    run(stream, store)
    # The first worker's row stays for a minute; those of its heir go as soon as they are done.
    heir = worker_on(stream, store, "heir")
    for amount in (40, 50):
        send(stream, body_of(amount=str(amount)))
        drain(heir)

    lose(store)
    heir.step(wait_seconds=0.0)
    send(stream, body_of(amount="60"))
    drain(heir)

    assert_exact(store)


class CutOffError(Exception):
    """Here the rebuild ends."""


def test_a_rebuild_goes_on_from_what_the_store_still_has_of_it(stream, store, monkeypatch):
    send(stream, *payments(9))
    run(stream, store)
    PendingFeatures.objects.all().delete()
    monkeypatch.setattr(rebuild, "CHUNK", 2)
    kept: list[tuple[dict, set]] = []

    def cut_off(done: int, total: int) -> None:
        kept.append((dict(store.states), set(store.receipts)))
        if len(kept) == 3:
            raise CutOffError

    with pytest.raises(CutOffError):
        rebuild.rebuild_features(store=store, progress=cut_off, is_fresh=True)
    # The store ends too, and comes back as it was after the second chunk.
    store.states, store.receipts = kept[1]
    rebuild.restore_features(store=store, progress=lambda done, total: None)

    assert {key: state[8:] for key, state in store.states.items()} == features_of_the_record()


@pytest.fixture
def go_back(valkey) -> Callable[[ValkeyStore, dict[bytes, bytes]], None]:
    """Valkey ends and comes back with what it held before: connections are cut, and its run has another name."""

    def go_back(store: ValkeyStore, dumps: dict[bytes, bytes]) -> None:
        valkey.flushall()
        for key, dump in dumps.items():
            valkey.restore(key, 0, dump)
        valkey.client_kill_filter(_type="normal", skipme=True)
        store._client.get_connection_kwargs()["redis_connect_func"].__self__._run_id = "the run before"

    return go_back


def test_what_a_store_lost_while_its_worker_was_idle_is_counted_again(stream, valkey: redis.Redis, go_back):
    store = ValkeyStore(settings.REDIS_URL, timeout_seconds=5)
    worker = worker_on(stream, store)
    send(stream, *payments(3))
    drain(worker)
    held = {key: valkey.dump(key) for key in valkey.scan_iter()}
    send(stream, *payments(3))
    drain(worker)

    go_back(store, held)
    send(stream, *payments(3))
    for _ in range(3):
        try:
            drain(worker)
        except FeatureStoreError:
            continue

    wanted = features_of_the_record()
    states = dict(zip(wanted, store.read(list(wanted))[1], strict=True))
    assert {key: (state or b"")[8:] for key, state in states.items()} == wanted
