"""From the stream to decisions and all they cause: each exactly once, whatever fails in between."""

import pytest

from cases.models import Case, FeedEntry
from scoring.models import Decision, Outbox
from streams.models import DeadLetter, StreamProgress
from streams.outbox import relay_outbox
from streams.source import DEAD_LETTERS, DECISIONS, LABELS, TRANSACTIONS
from tests.factories import make_decision
from tests.memory_stream import MemoryStream
from tests.scoring.payments import body_of
from tests.streams.flow import (
    assert_exact,
    label_body,
    ledger,
    payments,
    run,
    run_labels,
    send,
    sent_out,
    worker_on,
)  # fmt: skip

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]


# --- the way through -----------------------------------------------------------------------------------------------


def test_a_payment_becomes_a_decision_a_message_a_case_and_a_feed_entry(stream, store, published):
    send(stream, body_of(transaction_id="small"), body_of(transaction_id="big", amount=9000))

    assert run(stream, store) == 2
    # The decisions, the alert, its explanation.
    assert relay_outbox() == 3

    decided = Decision.objects.get(transaction_id="big")
    assert decided.outcome == "decline"
    assert decided.source.startswith("stream:transactions/")
    assert decided.position == "1"
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
    worker = worker_on(stream, store)

    assert [worker.step(wait_seconds=0.0) for _ in range(4)] == [3, 3, 1, 0]


def test_a_restart_goes_on_where_the_last_one_stopped(stream, store):
    send(stream, *payments(3))
    assert run(stream, store) == 3
    send(stream, *payments(2))

    assert run(stream, store) == 2
    assert Decision.objects.count() == 5


def test_the_partitions_a_worker_holds_are_one_batch(stream, store):
    for card in range(12):
        send(stream, body_of(card_id=f"card-{card}"), key=f"card-{card}")

    assert worker_on(stream, store).step(wait_seconds=0.0) == 12

    assert set(Decision.objects.values_list("source", flat=True)) == {
        "stream:transactions/0", "stream:transactions/1",
    }  # fmt: skip
    for row in StreamProgress.objects.all():
        assert int(row.position) == len(stream.logs[TRANSACTIONS, row.partition]) - 1
    assert_exact(store)


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


def test_the_two_streams_keep_their_progress_apart(stream, store):
    label_stream = MemoryStream(LABELS, partitions=2)
    make_decision(transaction_id="x")
    send(stream, body_of())
    send(label_stream, label_body(), label_body(source="customer"), topic=LABELS)

    run(stream, store)
    run_labels(label_stream)

    progress = {row.stream: row.position for row in StreamProgress.objects.exclude(position="")}
    assert progress == {TRANSACTIONS: "0", LABELS: "1"}
