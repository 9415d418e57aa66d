"""From the stream to decisions and all they cause: each exactly once, whatever fails in between."""

import json
from typing import Any

import pytest
from django.db import OperationalError

from cases.models import Alert, Case, FeedEntry
from scoring.features.live import FeatureStoreError, MemoryStore
from scoring.models import Decision, Label, Outbox
from scoring.services.decisions import recover_features
from scoring.services.keys import issue_key
from streams import outbox, reader
from streams.models import DeadLetter, StreamProgress
from streams.outbox import relay_outbox
from streams.pipeline import labels_pipeline, transactions_pipeline
from streams.reader import FencedError, PoisonedStreamError
from streams.source import DEAD_LETTERS, DECISIONS, LABELS, TRANSACTIONS, MemoryStream
from tests.factories import make_decision
from tests.scoring.payments import body_of, publish

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _policy(db) -> None:
    publish()


@pytest.fixture
def stream() -> MemoryStream:
    return MemoryStream(partitions=2)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def published(monkeypatch) -> MemoryStream:
    """What the relay sends out."""
    out = MemoryStream(DECISIONS, partitions=1)
    monkeypatch.setattr(outbox, "_publisher", lambda: out)
    monkeypatch.setattr(outbox, "batch_store", MemoryStore)
    return out


def send(stream: MemoryStream, *bodies: bytes, topic: str = TRANSACTIONS, key: str = "card-1") -> None:
    stream.publish(topic, [(key, body) for body in bodies])


def payments(count: int, **overrides: Any) -> list[bytes]:
    return [body_of(**overrides) for _ in range(count)]


def run(stream: MemoryStream, store: MemoryStore) -> int:
    """A worker that starts, handles what is there, and goes."""
    worker = transactions_pipeline(stream, store=store)
    total = 0
    while count := worker.step(wait_seconds=0.0):
        total += count
    return total


def ledger(store: MemoryStore) -> dict[str, object]:
    """All that must not change when something arrives twice."""
    return {
        "decisions": list(Decision.objects.order_by("id").values()),
        "effects": list(Outbox.objects.order_by("id").values()),
        "letters": list(DeadLetter.objects.order_by("id").values()),
        "alerts": list(Alert.objects.values_list("decision_id", flat=True)),
        "features": {key: state[8:] for key, state in store.states.items()},
    }


def sent_out(published: MemoryStream, topic: str) -> list[dict]:
    return [json.loads(body) for (name, _), log in published.logs.items() if name == topic for body in log]


# --- the way through -----------------------------------------------------------------------------------------------


def test_a_payment_becomes_a_decision_a_message_a_case_and_a_feed_entry(stream, store, published):
    send(stream, body_of(transaction_id="small"), body_of(transaction_id="big", amount=9000))

    assert run(stream, store) == 2
    assert relay_outbox() == 2

    decided = Decision.objects.get(transaction_id="big")
    assert decided.outcome == "decline"
    assert decided.source.startswith("stream:transactions/")
    assert decided.position == 1
    assert Case.objects.get().card_id == "card-1"
    assert FeedEntry.objects.get().decision == decided
    messages = sent_out(published, DECISIONS)
    assert [(message["transaction_id"], message["outcome"]) for message in messages] == [
        ("small", "approve"), ("big", "decline"),
    ]  # fmt: skip
    assert not Outbox.objects.exists()


def test_a_batch_is_at_most_as_large_as_set(stream, store, settings):
    settings.STREAM_BATCH_SIZE = 3
    send(stream, *payments(7))
    worker = transactions_pipeline(stream, store=store)

    assert [worker.step(wait_seconds=0.0) for _ in range(4)] == [3, 3, 1, 0]
    assert worker.lag() == 0


def test_a_restart_goes_on_where_the_last_one_stopped(stream, store):
    send(stream, *payments(3))
    assert run(stream, store) == 3
    send(stream, *payments(2))

    assert run(stream, store) == 2
    assert Decision.objects.count() == 5


def test_both_partitions_are_decided_apart(stream, store):
    for card in range(12):
        send(stream, body_of(card_id=f"card-{card}"), key=f"card-{card}")

    run(stream, store)

    assert Decision.objects.values("source").distinct().count() == 2
    for row in StreamProgress.objects.all():
        assert int(row.position) == len(stream.logs[TRANSACTIONS, int(row.partition)]) - 1


# --- records that are no payments ----------------------------------------------------------------------------------

INVALID = [
    b"", b"{", b"\xff\x00\xfe", b"[]", b'{"\\u0000": 1}', b"[" * 10_000, b"x" * 20_000, body_of(amount="-1"),
    body_of(card_id="a\x00b"), body_of(ip_address="fe80::1%eth0"), body_of(merchant_name="\ud800"),
    body_of(currency="EUR\n"), body_of(extra={"a": 1e200}), body_of(occurred_at="0001-01-01T00:00:00+23:59"),
]  # fmt: skip


@pytest.mark.parametrize("body", INVALID)
def test_an_invalid_record_is_one_dead_letter_and_its_neighbours_are_decided(stream, store, published, body):
    send(stream, body_of(transaction_id="before"), body, body_of(transaction_id="after"))

    run(stream, store)
    relay_outbox()

    letter = DeadLetter.objects.get()
    assert bytes(letter.body) == body
    assert letter.position == "1"
    assert letter.errors
    assert set(Decision.objects.values_list("transaction_id", flat=True)) == {"before", "after"}
    (message,) = sent_out(published, DEAD_LETTERS)
    assert (message["stream"], message["position"]) == (TRANSACTIONS, "1")


def test_a_known_id_with_other_content_is_a_dead_letter(stream, store):
    send(stream, body_of(transaction_id="x"), body_of(transaction_id="x", amount="99"), body_of(transaction_id="y"))

    run(stream, store)

    assert DeadLetter.objects.get().errors[0]["field"] == "transaction_id"
    assert Decision.objects.get(transaction_id="x").amount == pytest.approx(12.5)
    assert Decision.objects.count() == 2


def test_a_batch_of_nothing_but_dead_letters_moves_on(stream, store):
    send(stream, b"1", b"2")

    assert run(stream, store) == 2
    assert run(stream, store) == 0
    assert DeadLetter.objects.count() == 2


def test_a_read_full_of_poison_stops_and_commits_nothing(stream, store):
    send(stream, *(b"%d" % i for i in range(reader.POISON_THRESHOLD)))
    worker = transactions_pipeline(stream, store=store)

    with pytest.raises(PoisonedStreamError, match="in a row are invalid"):
        worker.step(wait_seconds=0.0)

    assert not DeadLetter.objects.exists()
    assert StreamProgress.objects.exclude(position="").count() == 0


def test_one_good_record_among_the_poison_goes_on(stream, store):
    send(stream, *(b"%d" % i for i in range(reader.POISON_THRESHOLD)), body_of())

    run(stream, store)

    assert Decision.objects.count() == 1
    assert DeadLetter.objects.count() == reader.POISON_THRESHOLD


# --- twice is once -------------------------------------------------------------------------------------------------


def test_any_part_of_the_log_replayed_changes_nothing(stream, store, published, settings):
    settings.STREAM_BATCH_SIZE = 4
    send(stream, *payments(4), b"bad", body_of(transaction_id="x", amount=2000), *payments(3, amount=9000))
    send(stream, body_of(transaction_id="x", amount="1"))
    run(stream, store)
    relay_outbox()
    before = ledger(store)
    (row,) = StreamProgress.objects.filter(stream=TRANSACTIONS).exclude(position="")
    last = row.position

    for start in ("", "0", "3", "4", "7", "8"):
        StreamProgress.objects.filter(id=row.id).update(position=start)
        run(stream, store)
        after = ledger(store)
        # The message about a refused record may go out again; it names the same place.
        letters = {effect["id"] for effect in after["effects"] if effect["topic"] == "dead-letters"}
        Outbox.objects.filter(id__in=letters).delete()
        assert ledger(store) == before
        assert StreamProgress.objects.get(id=row.id).position == last


def test_the_same_record_twice_in_the_log_is_decided_once(stream, store):
    body = body_of()
    send(stream, body, body)
    run(stream, store)
    send(stream, body)

    run(stream, store)

    assert Decision.objects.count() == 1
    assert not DeadLetter.objects.exists()


# --- crashes -------------------------------------------------------------------------------------------------------


def test_a_database_error_in_the_middle_of_a_batch_leaves_nothing(stream, store, monkeypatch):
    send(stream, body_of(), b"bad")

    def fail(*arguments):
        raise OperationalError("gone")

    worker = transactions_pipeline(stream, store=store)
    with monkeypatch.context() as broken:
        broken.setattr(reader.Progress, "move", fail)
        with pytest.raises(OperationalError):
            worker.step(wait_seconds=0.0)
    assert not any(table.objects.exists() for table in (Decision, Outbox, DeadLetter))
    assert store.states == {}

    assert worker.step(wait_seconds=0.0) == 2
    assert Decision.objects.count() == 1


def test_a_crash_between_record_and_features_is_mended_by_the_next_start(stream, monkeypatch):
    smooth, crashing = MemoryStore(), MemoryStore()
    send(stream, *payments(5))
    worker = transactions_pipeline(stream, store=crashing)

    def fail(*arguments):
        raise FeatureStoreError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(MemoryStore, "write", fail)
        with pytest.raises(FeatureStoreError):
            worker.step(wait_seconds=0.0)
    assert Decision.objects.count() == 5
    send(stream, *payments(3))
    run(stream, crashing)

    for partition in stream.partitions():
        recover_features(source=f"stream:transactions/{partition}", store=smooth)
    assert ledger(crashing)["features"] == ledger(smooth)["features"]
    assert list(Decision.objects.order_by("id").values_list("position", flat=True)) == list(range(8))


def test_a_worker_that_lost_its_partition_writes_nothing(stream, store):
    send(stream, *payments(3))
    old = transactions_pipeline(stream, store=store)
    new = transactions_pipeline(stream, store=store)

    with pytest.raises(FencedError):
        old.step(wait_seconds=0.0)
    assert not Decision.objects.exists()
    assert store.states == {}

    assert new.step(wait_seconds=0.0) == 3


def test_a_worker_held_up_after_its_record_does_not_count_its_batch_twice(stream, store, monkeypatch):
    send(stream, *payments(3))
    old = transactions_pipeline(stream, store=store)
    original = MemoryStore.write

    def taken_over(self, *arguments):
        monkeypatch.setattr(MemoryStore, "write", original)
        transactions_pipeline(stream, store=store)
        return original(self, *arguments)

    monkeypatch.setattr(MemoryStore, "write", taken_over)
    old.step(wait_seconds=0.0)

    fresh = MemoryStore()
    for partition in stream.partitions():
        recover_features(source=f"stream:transactions/{partition}", store=fresh)
    assert ledger(store)["features"] == ledger(fresh)["features"]


# --- labels --------------------------------------------------------------------------------------------------------


def label_body(**overrides: Any) -> bytes:
    said = {
        "transaction_id": "x", "label": "fraud", "source": "chargeback", "known_at": "2026-11-20T12:00:00Z",
    }  # fmt: skip
    return json.dumps(said | overrides).encode()


def run_labels(stream: MemoryStream) -> int:
    worker = labels_pipeline(stream)
    return worker.step(wait_seconds=0.0)


@pytest.fixture
def label_stream() -> MemoryStream:
    return MemoryStream(LABELS, partitions=2)


def test_a_label_is_written_once_and_reaches_the_risk(label_stream, published):
    make_decision(transaction_id="x")
    send(label_stream, label_body(note="lost card"), label_body(note="lost card"), topic=LABELS)

    assert run_labels(label_stream) == 2
    assert relay_outbox() == 1

    label = Label.objects.get()
    assert (label.note, label.applied_at is None) == ("lost card", False)
    assert run_labels(label_stream) == 0


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff", b"[" * 5000, label_body(transaction_id="nobody"), label_body(transaction_id="a\x00"),
        label_body(label="maybe"), label_body(source="rumour"), label_body(known_at="2026-11-20T12:00:00"),
        label_body(known_at="2999-01-01T00:00:00Z"), label_body(known_at="0001-01-01T00:00:00+23:59"),
        label_body(note="a\x00"), label_body(note="x" * 501), label_body(nope=1), b'{"\\u0000": 1}',
    ],
)  # fmt: skip
def test_what_is_no_label_is_a_dead_letter_and_its_neighbours_are_written(label_stream, body):
    make_decision(transaction_id="x")
    send(label_stream, label_body(), body, label_body(source="customer"), topic=LABELS)

    run_labels(label_stream)

    assert bytes(DeadLetter.objects.get().body) == body
    assert Label.objects.count() == 2


# --- the relay -----------------------------------------------------------------------------------------------------


def test_a_relay_that_dies_after_delivering_delivers_again_and_nothing_doubles(stream, store, published, monkeypatch):
    send(stream, body_of(transaction_id="big", amount=9000))
    run(stream, store)

    def die(self):
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(Outbox, "delete", die)
        with pytest.raises(SystemExit):
            relay_outbox()

    assert relay_outbox() == 2
    assert Case.objects.count() == Alert.objects.count() == FeedEntry.objects.count() == 1
    assert {message["transaction_id"] for message in sent_out(published, DECISIONS)} == {"big"}


def test_a_topic_that_fails_keeps_its_rows_and_holds_up_no_other(stream, store, published, monkeypatch, caplog):
    send(stream, body_of(amount=9000), b"bad")
    run(stream, store)

    def fail(ids):
        raise RuntimeError("no broker")

    with monkeypatch.context() as broken:
        broken.setitem(outbox.DELIVERIES, Outbox.Topic.ALERTS, fail)
        assert relay_outbox() == 2
    assert list(Outbox.objects.values_list("topic", flat=True)) == ["alerts"]
    assert "alerts could not be delivered" in caplog.text

    assert relay_outbox() == 1
    assert Case.objects.count() == 1


def test_the_message_of_a_decision_is_what_the_api_would_answer(stream, store, published, client):
    send(stream, body_of(transaction_id="x", amount=2000))
    run(stream, store)
    relay_outbox()

    headers = {"Authorization": f"Bearer {issue_key(name='shop', scopes=['read'])}"}
    answer = client.get("/api/v1/decisions/x/", headers=headers).json()
    (message,) = sent_out(published, DECISIONS)
    assert {name: answer[name] for name in message} == message


def test_the_two_streams_keep_their_progress_apart(stream, store, label_stream):
    make_decision(transaction_id="x")
    send(stream, body_of())
    send(label_stream, label_body(), label_body(), topic=LABELS)

    run(stream, store)
    run_labels(label_stream)

    progress = {row.stream: row.position for row in StreamProgress.objects.exclude(position="")}
    assert progress == {TRANSACTIONS: "0", LABELS: "1"}
