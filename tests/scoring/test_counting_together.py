"""Batches that nobody counted are counted together: in one write, each once, whoever is at it beside us."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db.models import F

from scoring.features.definitions import INDEX
from scoring.features.live import MemoryStore, Pending, ValkeyStore
from scoring.models import PendingFeatures, Rescoring, RescoringDue
from scoring.queries import payments_between
from scoring.services import features
from scoring.services.decisions import Writer, decide_transactions
from scoring.services.features import SETTLE_AFTER, settle_features, settle_seen
from tests.cases.test_alerts import in_threads
from tests.factories import MINUTE, NOON
from tests.feature_store import open_empty
from tests.scoring.degraded import BUSY, come_back, decide, nowhere, some, vector_of, vectors_of_the_record
from tests.scoring.payments import arrive, make_payment, publish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("champion")]


@pytest.fixture(autouse=True)
def _policy(db) -> None:
    publish(BUSY)


class Watched(MemoryStore):
    """Keeps what was written, and lets somebody else act, once, after a read or before a write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[tuple[str, ...]] = []
        self.before_write = self.after_read = lambda: None

    def read(self, keys):
        answer = super().read(keys)
        # Not where only the generation is asked for.
        if keys:
            act, self.after_read = self.after_read, lambda: None
            act()
        return answer

    def write(self, write):
        act, self.before_write = self.before_write, lambda: None
        act()
        self.writes.append(write.receipts)
        return super().write(write)


def receipts() -> list[str]:
    return [str(row) for row in PendingFeatures.objects.order_by("id").values_list("id", flat=True)]


def count_one(store: MemoryStore, place: int) -> None:
    """Another process, of before the update, counts a single batch and notes nothing."""
    row = PendingFeatures.objects.order_by("id")[place]
    view = MemoryStore(store.states, store.receipts, store.generations)
    Pending(view, [payment for _, payment in payments_between(row.decision_ids[0], row.decision_ids[-1])]).write(
        (str(row.id),)
    )


def assert_each_is_counted_once(store) -> None:
    count = len(payments_between(1, 10**9))
    probe = Pending(store, [payments_between(1, 10**9)[-1][1]]).vectors[0]
    assert (probe[INDEX["card_count_24h"]], probe[INDEX["merchant_count_24h"]]) == (count, count)


def test_batches_are_counted_in_one_write_under_the_receipts_of_all():
    store = Watched()
    decide(nowhere(), *some(5))

    assert settle_features("", store=store) == 5

    assert store.writes[0] == tuple(receipts())
    assert [write for write in store.writes[1:] if write] == []
    assert store.receipts == set(receipts())
    assert_each_is_counted_once(store)


def test_no_more_of_them_than_valkey_should_be_kept_busy_with(monkeypatch):
    monkeypatch.setattr(features, "EVENTS_AT_ONCE", 4)
    store = Watched()
    decide(nowhere(), *some(3))
    batch = [arrive(one, source="api") for one in some(6)]
    decide_transactions(batch, writer=Writer("api", nowhere(), is_patient=False))
    decide(nowhere(), *some(2))

    settle_features("", store=store)

    assert [len(write) for write in store.writes if write] == [3, 1, 2]
    assert_each_is_counted_once(store)


def test_payments_of_many_calls_see_those_before_them_and_none_after(monkeypatch):
    cards = [make_payment(card_id=f"card-{i % 3}", occurred_at=NOON + MINUTE * i) for i in range(20)]
    monkeypatch.setattr(features, "EVENTS_AT_ONCE", 7)
    decide(nowhere(), *cards)

    come_back(MemoryStore())

    found = Rescoring.objects.order_by("decision_id")
    assert [row.features for row in found] == [vector.tobytes() for vector in vectors_of_the_record()]


@pytest.mark.parametrize("when", ["after_read", "before_write"])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_what_another_counts_meanwhile_is_left_to_it(when, place):
    store = Watched()
    decide(nowhere(), *some(4))
    setattr(store, when, lambda: count_one(store, place))

    assert settle_features("", store=store) == 3
    assert settle_features("", store=store) == 0

    assert store.receipts == set(receipts())
    assert_each_is_counted_once(store)
    assert not RescoringDue.objects.filter(features=None).exists()


def test_one_that_another_counts_before_its_vector_was_noted_says_that_it_is_lost():
    store = Watched()
    rows = decide(nowhere(), *some(3))
    count_one(store, 1)

    come_back(store)

    missing = dict(Rescoring.objects.values_list("decision_id", "missing"))
    assert missing == {rows[0].id: [], rows[1].id: ["features"], rows[2].id: []}
    # The one that was counted already is seen by all the others.
    seen = [vector_of(row)[INDEX["card_count_24h"]] for row in Rescoring.objects.filter(missing=[]).order_by("pk")]
    assert seen == [1.0, 2.0]


def test_a_store_that_forgot_some_of_what_was_counted_together_gets_just_these_again():
    store = Watched()
    decide(nowhere(), *some(2))
    settle_features("", store=store)
    states, known = dict(store.states), set(store.receipts)
    decide(nowhere(), *some(3))
    settle_features("", store=store)
    after_the_crash = Watched()
    after_the_crash.states, after_the_crash.receipts = states, known

    assert settle_features("", store=after_the_crash) == 3

    assert [len(write) for write in after_the_crash.writes if write] == [3]
    assert_each_is_counted_once(after_the_crash)


def test_what_was_counted_a_moment_ago_is_not_looked_at_each_turn():
    store = Watched()
    decide(nowhere(), *some(3))
    settle_features("", store=store)
    PendingFeatures.objects.update(created_at=F("created_at") - SETTLE_AFTER)
    store.receipts.clear()

    assert settle_seen("", store=store, older_than=SETTLE_AFTER) == 0
    assert settle_seen("", store=store) == 3


@pytest.mark.django_db(transaction=True)
def test_workers_that_settle_at_once_count_each_batch_once(valkey, monkeypatch):
    monkeypatch.setattr(features, "EVENTS_AT_ONCE", 7)
    decide(nowhere(), *some(40))
    stores = [ValkeyStore(settings.REDIS_URL, timeout_seconds=30.0) for _ in range(4)]
    valkey.flushall()
    open_empty(stores[0])

    counted = in_threads(*[lambda store=store: settle_features("", store=store) for store in stores])

    assert [type(one) for one in counted] == [int] * 4
    assert_each_is_counted_once(stores[0])
    due = RescoringDue.objects.order_by("decision_id")
    assert [vector_of(row)[INDEX["card_count_24h"]] for row in due] == list(range(40))


# --- payments that came later and were counted first -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("later", "seen"),
    [
        (timedelta(minutes=4), (1, 1, 1)),
        (timedelta(minutes=5), (0, 1, 1)),
        (timedelta(hours=1), (0, 0, 1)),
        (timedelta(days=1), (0, 0, 0)),
    ],
)
def test_windows_leave_out_later_payments_but_for_those_of_the_same_part(later, seen):
    """Parts of 5 minutes, an hour and a day, as docs/features.md says."""
    store = MemoryStore()
    (blind,) = decide(nowhere(), make_payment())
    decide(store, make_payment(occurred_at=NOON + later))

    come_back(store)

    vector = vector_of(Rescoring.objects.get(decision=blind))
    assert [vector[INDEX[name]] for name in ("card_count_1h", "card_count_24h", "card_count_30d")] == list(seen)


def test_what_has_no_window_holds_later_payments_that_were_counted_first():
    store = MemoryStore()
    (blind,) = decide(nowhere(), make_payment())
    decide(store, make_payment(occurred_at=NOON + timedelta(days=2)))

    come_back(store)

    vector = vector_of(Rescoring.objects.get(decision=blind))
    names = ("card_since_last", "card_is_new_merchant", "card_decayed_count_1d")
    assert [vector[INDEX[name]] for name in names] == [0.0, 0.0, 1.0]
