"""What a state store promises when it is lost and made again, asked of the memory and of the real one."""

import pytest
from django.conf import settings

from scoring.features.definitions import VERSION
from scoring.features.live import FeatureStoreLostError, ValkeyStore
from tests.contracts.stored_rows import KEYS, A, B, row_of, states, write
from tests.feature_store import open_empty


def test_a_store_that_was_emptied_is_told_apart_from_one_that_knows_nobody(lost):
    assert lost.generation() is None
    with pytest.raises(FeatureStoreLostError):
        lost.read([A])
    with pytest.raises(FeatureStoreLostError):
        write(lost, {A: 1}, generation=b"the one before")

    open_empty(lost)

    assert states(lost, [A]) == [None]


def test_only_who_rebuilds_reads_and_writes_during_a_rebuild(store):
    write(store, {A: 1}, "17")
    before = store.generation()

    store.begin_rebuild("again")

    assert store.generation() == b"building:again"
    with pytest.raises(FeatureStoreLostError):
        store.read([A])
    with pytest.raises(FeatureStoreLostError):
        write(store, {A: 2}, generation=before)
    with pytest.raises(FeatureStoreLostError):
        store.rebuilding("other").read([A])
    assert states(store.rebuilding("again"), [A]) == [None]
    assert store.has_receipts(["17"]) == [False]


def test_a_rebuild_begins_with_nothing(store):
    write(store, {A: 1}, "17")
    store.begin_rebuild("one")
    write(store.rebuilding("one"), {B: 1})

    store.begin_rebuild("two")

    assert states(store.rebuilding("two"), KEYS) == [None, None, None]
    assert store.has_receipts(["17"]) == [False]


def test_a_finished_rebuild_is_open_to_everybody(store):
    store.begin_rebuild("one")
    write(store.rebuilding("one"), {A: 1}, "17")

    store.finish_rebuild("one")

    assert store.generation() == b"one"
    assert states(store, [A]) == [row_of(1)]
    assert store.has_receipts(["17"]) == [True]


def test_a_rebuild_that_another_one_replaced_cannot_finish(store):
    store.begin_rebuild("one")
    store.begin_rebuild("two")

    with pytest.raises(FeatureStoreLostError):
        store.finish_rebuild("one")

    assert store.generation() == b"building:two"


def test_a_rebuild_leaves_other_versions_and_other_users_of_the_server_alone(valkey):
    store = ValkeyStore(settings.REDIS_URL, timeout_seconds=5.0)
    valkey.mset({"feature:1:card:a": "x", "celery": "y"} | {f"feature:{VERSION}:card:{i}": "z" for i in range(2500)})

    store.begin_rebuild("one")

    assert sorted(valkey.keys()) == [b"celery", b"feature:1:card:a", f"feature:{VERSION}:generation".encode()]
