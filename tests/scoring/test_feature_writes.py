"""Features follow the record exactly once: after crashes, beside other processes, and into an emptied store."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections

from scoring.features.definitions import INDEX
from scoring.features.events import Payment
from scoring.features.live import FeatureStoreError, FeatureStoreLostError, MemoryStore, Pending
from scoring.models import Decision as Recorded
from scoring.models import FeatureRebuild, Outcome, PendingFeatures
from scoring.queries import features_of
from scoring.services import decisions, features, rebuild
from scoring.services.decisions import Writer, decide_transactions
from scoring.services.features import SettledWrites, settle_features
from scoring.services.labels import LABELS_WRITER, apply_labels
from scoring.services.locks import try_lock
from scoring.services.policy import RuleDraft
from scoring.services.rebuild import RebuildRunningError, rebuild_features, restore_features
from tests.factories import MINUTE, NOON, make_label
from tests.scoring.payments import arrive, make_payment, publish

pytestmark = pytest.mark.django_db
NAME = "stream:transactions"


class Breaking(MemoryStore):
    """Stores until it is told not to; `is_answer_lost`: it stores, but the answer is lost."""

    is_broken = False
    is_answer_lost = False

    def write(self, write):
        if self.is_broken:
            raise FeatureStoreError("no answer")
        answer = super().write(write)
        if self.is_answer_lost:
            raise FeatureStoreError("no answer")
        return answer


@pytest.fixture(autouse=True)
def _policy(db) -> None:
    publish()


def batches(count: int = 3, size: int = 4) -> list[list]:
    """Payments of three cards at one shop, a minute apart."""
    return [
        [
            arrive(make_payment(card_id=f"card-{i % 3}", occurred_at=NOON + MINUTE * i), position=i)
            for i in range(size * batch, size * (batch + 1))
        ]
        for batch in range(count)
    ]


def decide(store, arrivals, *, settled=None, **options):
    return decide_transactions(arrivals, writer=Writer(NAME, store, settled=settled, **options))


def contents(store: MemoryStore) -> dict[str, bytes]:
    """States without their counts of writes: how often a row was written says nothing of what is in it."""
    return {key: state[8:] for key, state in store.states.items()}


def smooth_run(arrivals_of: list[list]) -> MemoryStore:
    """What the states are when nothing goes wrong."""
    store = MemoryStore()
    for arrivals in arrivals_of:
        Pending(store, [Payment(arrival.transaction, arrival.received_at) for arrival in arrivals]).write()
    return store


def vectors() -> list[bytes]:
    return [bytes(row) for row in Recorded.objects.order_by("id").values_list("features", flat=True)]


@pytest.mark.parametrize("fault", ["is_broken", "is_answer_lost"])
def test_a_write_that_was_cut_off_is_made_up_for_once(fault):
    first, second, third = sent = batches()
    store = Breaking()
    decide(store, first)
    setattr(store, fault, True)
    with pytest.raises(FeatureStoreError):
        decide(store, second)
    setattr(store, fault, False)

    assert settle_features(NAME, store=store) == (fault == "is_broken")
    assert settle_features(NAME, store=store) == 0

    decide(store, third)
    assert contents(store) == contents(smooth_run(sent))
    assert [features_of(row)["merchant_count_24h"] for row in Recorded.objects.order_by("id")] == list(range(12))


def test_a_writer_that_comes_back_after_others_did_its_write_changes_nothing():
    (arrivals,) = batches(1)
    store = MemoryStore()

    class Overtaken(MemoryStore):
        """Another process settles the batch between its commit and its write."""

        def write(self, write):
            if write.receipts:
                settle_features(NAME, store=store)
            return super().write(write)

    overtaken = Overtaken(store.states, store.receipts, store.generations)
    decide(overtaken, arrivals)

    assert contents(store) == contents(smooth_run([arrivals]))


def test_a_long_lived_writer_forgets_what_is_settled_and_synced(monkeypatch):
    store, settled = MemoryStore(), SettledWrites()

    for arrivals in batches(4):
        decide(store, arrivals, settled=settled)
    waiting = PendingFeatures.objects.count()
    monkeypatch.setattr(features, "SYNC_SECONDS", 0.0)
    decide(store, batches(5)[4], settled=settled)

    assert waiting == 4
    assert PendingFeatures.objects.count() == 1
    assert store.receipts == {str(PendingFeatures.objects.get().id)}


def test_a_store_that_forgot_its_last_seconds_gets_them_again():
    store, settled, sent = MemoryStore(), SettledWrites(), batches()
    decide(store, sent[0], settled=settled)
    synced = dict(store.states), set(store.receipts)
    for arrivals in sent[1:]:
        decide(store, arrivals, settled=settled)

    after_the_crash = MemoryStore(*synced)

    assert settle_features(NAME, store=after_the_crash) == 2
    assert contents(after_the_crash) == contents(smooth_run(sent))


def test_writes_in_progress_are_left_to_their_writer():
    (arrivals,) = batches(1)
    store = Breaking()
    store.is_broken = True
    with pytest.raises(FeatureStoreError):
        decide(store, arrivals)
    store.is_broken = False

    assert settle_features("", store=store, older_than=timedelta(seconds=10)) == 0
    assert store.states == {}
    assert settle_features("", store=store) == 1


def test_a_writer_that_is_too_late_leaves_its_batch_to_others(monkeypatch):
    (arrivals,) = batches(1)
    store = MemoryStore()
    monkeypatch.setattr(decisions, "WRITE_WITHIN", timedelta(seconds=-1))
    with pytest.raises(FeatureStoreError, match="too late"):
        decide(store, arrivals)

    assert store.states == {}
    assert settle_features("", store=store) == 1


def test_rows_are_deleted_once_nobody_can_come_back_to_them(monkeypatch):
    (arrivals,) = batches(1)
    store = MemoryStore()
    decide(store, arrivals)
    settle_features("", store=store)
    assert PendingFeatures.objects.count() == len(store.receipts) == 1
    monkeypatch.setattr(features, "SETTLE_AFTER", timedelta(0))

    settle_features("", store=store)

    assert (PendingFeatures.objects.count(), store.receipts) == (0, set())
    assert contents(store) == contents(smooth_run([arrivals]))


def test_a_payment_decided_without_features_is_counted_once_they_are_back():
    lost = MemoryStore(generations=[])
    (result,) = decide(lost, [arrive(make_payment())], is_patient=False)
    assert "features" in result.decision.degraded
    store = MemoryStore()

    settle_features("", store=store)

    assert Pending(store, [Payment(make_payment(), NOON)]).vectors[0, INDEX["card_count_24h"]] == 1.0


def test_a_stream_does_not_go_on_with_an_emptied_store():
    with pytest.raises(FeatureStoreLostError):
        decide(MemoryStore(generations=[]), [arrive(make_payment())])
    with pytest.raises(FeatureStoreLostError):
        settle_features("", store=MemoryStore(generations=[]))

    assert not Recorded.objects.exists()


def test_declines_of_a_batch_are_seen_by_the_card_s_next_payments():
    publish(
        RuleDraft("huge", "amount > 5000", "decline", "x"),
        RuleDraft("tester", "card_decline_streak >= 2", "decline", "y"),
        based_on=1,
    )
    amounts = ["9000", "9000", "3", "4", "5"]
    sent = [make_payment(amount=Decimal(amount), occurred_at=NOON + MINUTE * i) for i, amount in enumerate(amounts)]
    sent.insert(3, make_payment(card_id="card-2", occurred_at=NOON + MINUTE * 2))

    decide(MemoryStore(), [arrive(payment) for payment in sent])

    mine = Recorded.objects.filter(card_id="card-1").order_by("id")
    assert [features_of(row)["card_decline_streak"] for row in mine] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert {row.outcome for row in mine} == {Outcome.DECLINE}
    assert Recorded.objects.get(card_id="card-2").outcome == Outcome.APPROVE


def test_a_card_that_is_tested_is_decided_in_a_few_rounds(monkeypatch):
    publish(
        RuleDraft("huge", "amount > 5000", "decline", "x"),
        RuleDraft("again", "card_decline_streak >= 1", "decline", "y"),
        based_on=1,
    )
    rounds = []
    decide_rows = decisions.decide
    monkeypatch.setattr(
        decisions, "decide", lambda *given, **options: rounds.append(1) or decide_rows(*given, **options)
    )
    sent = [make_payment(amount=Decimal(9000 if i == 3 else 2), occurred_at=NOON + MINUTE * i) for i in range(100)]

    decide(MemoryStore(), [arrive(payment) for payment in sent])

    streaks = [features_of(row)["card_decline_streak"] for row in Recorded.objects.order_by("id")]
    assert streaks == [0, 0, 0, *range(97)]
    assert Recorded.objects.filter(outcome=Outcome.DECLINE).count() == 97
    assert len(rounds) <= 4


@pytest.mark.parametrize("sizes", [[1] * 12, [5, 7], [12]])
def test_where_batches_begin_makes_no_difference_to_what_is_decided(sizes):
    publish(
        RuleDraft("odd", "amount > 100", "decline", "x"),
        RuleDraft("calm", "card_decline_streak = 1 AND amount > 1", "decline", "y"),
        based_on=1,
    )
    amounts = [200, 2, 1, 300, 400, 2, 3, 1, 1, 500, 6, 7]
    sent = [arrive(make_payment(amount=Decimal(a), occurred_at=NOON + MINUTE * i)) for i, a in enumerate(amounts)]
    store = MemoryStore()

    for size in sizes:
        decide(store, [sent.pop(0) for _ in range(size)])

    streaks = [features_of(row)["card_decline_streak"] for row in Recorded.objects.order_by("id")]
    assert streaks == [0, 1, 2, 0, 1, 2, 0, 0, 0, 0, 1, 2]


# --- the whole store is lost -------------------------------------------------------------------------------------


def learn_a_fraud(store) -> None:
    label = make_label(Recorded.objects.order_by("id")[0], known_at=NOON + MINUTE * 5)
    apply_labels([label.id, make_label(label.decision, source="customer", known_at=NOON).id])
    settle_features(LABELS_WRITER, store=store)


def quiet(done: int, total: int) -> None:
    assert done <= total


def test_a_lost_store_is_made_again_and_goes_on_as_if_nothing_had_been(monkeypatch):
    monkeypatch.setattr(rebuild, "CHUNK", 5)
    *before, after = batches(4)
    store = MemoryStore()
    for arrivals in before:
        decide(store, arrivals)
    learn_a_fraud(store)
    PendingFeatures.objects.order_by("id")[0].delete()
    expected = contents(store)
    store.states.clear()
    store.receipts.clear()
    store.generations.clear()

    restore_features(store=store, progress=quiet)

    assert contents(store) == expected
    settle_features("", store=store)
    assert contents(store) == expected
    decide(store, after)
    assert vectors()[-4:] == list_of_vectors(expected, after)
    run = FeatureRebuild.objects.get()
    assert (run.payments, run.labels, len(run.pending)) == (12, 1, 3)
    assert run.finished_at is not None


def list_of_vectors(states: dict[str, bytes], arrivals) -> list[bytes]:
    store = MemoryStore({key: bytes(8) + state for key, state in states.items()})
    pending = Pending(store, [Payment(arrival.transaction, arrival.received_at) for arrival in arrivals])
    return [row.tobytes() for row in pending.vectors]


def test_a_store_that_is_whole_is_left_alone():
    store = MemoryStore()

    restore_features(store=store, progress=quiet)

    assert not FeatureRebuild.objects.exists()


def test_a_batch_whose_row_outlived_younger_ones_is_counted_in_its_place():
    """Its worker died after the write: nobody deletes the row for a minute, while the next worker's come and go."""
    sent = [
        [
            arrive(make_payment(amount=Decimal(amount), occurred_at=NOON + MINUTE * (4 * batch + i)))
            for i, amount in enumerate(("12", f"{900 * (batch + 1)}", "1", "45"))
        ]
        for batch in range(12)
    ]
    store = MemoryStore()
    for arrivals in sent:
        decide(store, arrivals)
    expected = contents(store)
    PendingFeatures.objects.exclude(id=PendingFeatures.objects.order_by("id")[3].id).delete()

    rebuild_features(store=store, progress=quiet, is_fresh=False)

    assert contents(store) == expected
    settle_features("", store=store)
    assert contents(store) == expected


def test_a_rebuild_whose_end_was_not_noted_is_not_gone_on_with():
    store = MemoryStore()
    decide(store, batches(1)[0])
    rebuild_features(store=store, progress=quiet, is_fresh=False)
    FeatureRebuild.objects.update(finished_at=None)
    expected = contents(store)

    rebuild_features(store=store, progress=quiet, is_fresh=False)

    assert contents(store) == expected
    assert FeatureRebuild.objects.count() == 2


@pytest.mark.parametrize("name", ["last_decision_id", "last_label_id"])
def test_a_chunk_that_was_written_and_not_noted_counts_once(monkeypatch, name):
    """More is recorded meanwhile: the chunk must still be the same one."""
    store = MemoryStore()
    first, second = batches(2)
    decide(store, first)
    learn_a_fraud(store)
    PendingFeatures.objects.all().delete()
    expected = contents(store)
    save = FeatureRebuild.save

    def die(self, *, update_fields=None, **options):
        if update_fields and name in update_fields:
            raise KeyboardInterrupt
        save(self, update_fields=update_fields, **options)

    monkeypatch.setattr(FeatureRebuild, "save", die)
    with pytest.raises(KeyboardInterrupt):
        rebuild_features(store=store, progress=quiet, is_fresh=False)
    monkeypatch.undo()
    decide(MemoryStore(generations=[]), second, is_patient=False)

    rebuild_features(store=store, progress=quiet, is_fresh=False)

    assert contents(store) == expected
    assert FeatureRebuild.objects.count() == 1


def test_what_another_counted_stays_until_the_store_has_synced_it(monkeypatch):
    store = Breaking()
    store.is_broken = True
    with pytest.raises(FeatureStoreError):
        decide(store, batches(1)[0])
    store.is_broken = False
    monkeypatch.setattr(features, "SETTLE_AFTER", timedelta(0))

    assert [settle_features("", store=store) for _ in range(3)] == [1, 0, 0]
    assert PendingFeatures.objects.count() == 1
    monkeypatch.setattr(features, "SYNC_SECONDS", 0.0)
    settle_features("", store=store)

    assert not PendingFeatures.objects.exists()


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_an_interrupted_rebuild_goes_on_where_it_was(monkeypatch, stop_after):
    monkeypatch.setattr(rebuild, "CHUNK", 4)
    store = MemoryStore()
    for arrivals in batches(3):
        decide(store, arrivals, settled=SettledWrites())
    PendingFeatures.objects.all().delete()
    expected = contents(store)
    told = []

    def stop(done: int, total: int) -> None:
        told.append(done)
        if len(told) == stop_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild_features(store=store, progress=stop, is_fresh=False)
    with pytest.raises(FeatureStoreLostError):
        decide(store, [arrive(make_payment())])

    run = rebuild_features(store=store, progress=quiet, is_fresh=False)

    assert contents(store) == expected
    assert run.payments == 12
    assert FeatureRebuild.objects.count() == 1


def test_a_rebuild_that_begins_anew_forgets_the_interrupted_one(monkeypatch):
    store = MemoryStore()
    for arrivals in batches(2):
        decide(store, arrivals, settled=SettledWrites())
    expected = contents(store)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild_features(store=store, progress=stop, is_fresh=False)

    rebuild_features(store=store, progress=quiet, is_fresh=True)

    assert contents(store) == expected
    assert FeatureRebuild.objects.filter(finished_at=None).count() == 1


def test_what_was_in_flight_when_a_rebuild_began_counts_once(monkeypatch):
    """Its writer had stored it in the old store, and deletes its row while the new one is made."""
    first, second = batches(2)
    store, settled = MemoryStore(), SettledWrites()
    decide(store, first, settled=settled)
    decide(store, second, settled=settled)

    def delete_row(done: int, total: int) -> None:
        PendingFeatures.objects.all().delete()

    rebuild_features(store=store, progress=delete_row, is_fresh=False)

    assert contents(store) == contents(smooth_run([first, second]))


def test_what_is_decided_without_features_during_a_rebuild_counts_once():
    first, second = batches(2)
    store = MemoryStore()
    decide(store, first, settled=SettledWrites())
    settle_features("", store=store)

    def decide_more(done: int, total: int) -> None:
        if Recorded.objects.count() == len(first):
            decide(store, second, is_patient=False)

    rebuild_features(store=store, progress=decide_more, is_fresh=False)
    settle_features("", store=store)

    assert contents(store) == contents(smooth_run([first, second]))


@pytest.mark.django_db(transaction=True)
def test_only_one_process_rebuilds(monkeypatch):
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with try_lock(rebuild.LOCK) as is_ours:
            assert is_ours
            taken.set()
            done.wait(5)
        connections.close_all()

    other = threading.Thread(target=hold)
    other.start()
    taken.wait(5)
    try:
        with pytest.raises(RebuildRunningError):
            rebuild_features(store=MemoryStore(), progress=quiet, is_fresh=False)
    finally:
        done.set()
        other.join()


def test_feature_writes_of_other_names_are_left():
    store = Breaking()
    store.is_broken = True
    with pytest.raises(FeatureStoreError):
        decide(store, batches(1)[0])
    store.is_broken = False

    assert settle_features("file:", store=store) == 0
    assert PendingFeatures.objects.count() == 1
