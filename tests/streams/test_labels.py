"""Labels from their topic: each written once, those that come before their payment when it comes."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import DatabaseError
from django.db.models import F

from fraudapp.celery import app
from scoring.models import Label, Outbox
from streams import labels
from streams.models import DeadLetter, StreamProgress, WaitingLabel
from streams.outbox import relay_outbox
from streams.pipeline import LabelsPipeline
from streams.reader import PoisonedStreamError
from streams.source import DEAD_LETTERS, LABELS
from tests.factories import make_decision
from tests.memory_stream import MemoryStream
from tests.streams.flow import label_body, run_labels, send, sent_out

pytestmark = pytest.mark.django_db


@pytest.fixture
def label_stream() -> MemoryStream:
    return MemoryStream(LABELS, partitions=2)


def say(stream: MemoryStream, *bodies: bytes) -> None:
    send(stream, *bodies, topic=LABELS)


def test_a_label_is_written_once_and_reaches_the_risk(label_stream, published):
    make_decision(transaction_id="x")
    say(label_stream, label_body(note="lost card"), label_body(note="lost card"))

    assert run_labels(label_stream) == 2
    assert relay_outbox() == 1

    label = Label.objects.get()
    assert (label.note, label.applied_at is None) == ("lost card", False)
    assert run_labels(label_stream) == 0


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff", b"[" * 5000, label_body(transaction_id="a\x00"),
        label_body(label="maybe"), label_body(source="rumour"), label_body(known_at="2026-11-20T12:00:00"),
        label_body(known_at="2999-01-01T00:00:00Z"), label_body(known_at="0001-01-01T00:00:00+23:59"),
        # A day before its payment.
        label_body(known_at="2026-11-19T12:00:00Z"),
        label_body(note="a\x00"), label_body(note="x" * 501), label_body(nope=1), b'{"\\u0000": 1}',
    ],
)  # fmt: skip
def test_what_is_no_label_is_a_dead_letter_and_its_neighbours_are_written(label_stream, body):
    make_decision(transaction_id="x")
    say(label_stream, label_body(), body, label_body(source="customer"))

    run_labels(label_stream)

    assert bytes(DeadLetter.objects.get().body) == body
    assert Label.objects.count() == 2


@pytest.mark.parametrize("said", [{"label": "4111111111111111"}, {"4111111111111111": 1}])
def test_why_a_label_is_refused_is_said_without_card_numbers(label_stream, published, caplog, said):
    say(label_stream, label_body(**said))

    run_labels(label_stream)
    relay_outbox()

    assert "************1111" in DeadLetter.objects.get().errors[0]["message"]
    (letter,) = sent_out(published, DEAD_LETTERS)
    assert "4111111111111111" not in f"{DeadLetter.objects.get().errors} {letter['errors']} {caplog.text}"


def test_the_letter_of_a_label_with_a_huge_key_fits_into_a_record(label_stream, published):
    say(label_stream, label_body(**{"k" * 600_000: 1}))

    run_labels(label_stream)
    assert relay_outbox() == 1

    (letter,) = (body for log in published.logs.values() for body in log)
    assert len(letter) < 1_000_000


def test_a_batch_of_labels_takes_as_many_queries_as_one(label_stream, django_assert_max_num_queries):
    for number in range(50):
        make_decision(transaction_id=f"x-{number}")
    say(label_stream, *(label_body(transaction_id=f"x-{number}") for number in range(50)))
    worker = LabelsPipeline(label_stream, owner="worker")
    worker.leases.turn(label_stream.partitions())

    with django_assert_max_num_queries(30):
        worker.step(wait_seconds=0.0)

    assert Label.objects.count() == 50


# --- before the payment --------------------------------------------------------------------------------------------


def test_a_label_before_its_payment_waits_for_it(label_stream):
    say(label_stream, label_body(transaction_id="early"), label_body(transaction_id="early", source="customer"))

    run_labels(label_stream)
    assert (WaitingLabel.objects.count(), DeadLetter.objects.count(), Label.objects.count()) == (2, 0, 0)
    make_decision(transaction_id="early")

    assert labels.retry_waiting_labels() == 2
    assert not WaitingLabel.objects.exists()
    assert sorted(Label.objects.values_list("source", flat=True)) == ["chargeback", "customer"]
    assert labels.retry_waiting_labels() == 0


def test_waiting_labels_hold_up_none_that_come(label_stream):
    make_decision(transaction_id="x")
    say(label_stream, label_body(transaction_id="early"))
    run_labels(label_stream)
    make_decision(transaction_id="early")
    say(label_stream, label_body())

    run_labels(label_stream)

    assert Label.objects.get().decision.transaction_id == "x"
    assert WaitingLabel.objects.count() == 1


def test_a_label_whose_payment_never_comes_is_a_dead_letter_once_patience_ends(label_stream):
    body = label_body(transaction_id="nobody")
    say(label_stream, body)
    run_labels(label_stream)
    assert labels.retry_waiting_labels() == 0

    WaitingLabel.objects.update(since=F("since") - timedelta(seconds=settings.LABEL_PATIENCE_SECONDS + 1))
    assert labels.retry_waiting_labels() == 1

    letter = DeadLetter.objects.get()
    assert (letter.stream, bytes(letter.body)) == (LABELS, body)
    assert letter.errors == [{"field": "transaction_id", "message": "was never decided here"}]
    assert Outbox.objects.get().ids == [letter.id]
    assert not WaitingLabel.objects.exists()


def test_an_overdue_label_whose_payment_has_come_is_written(label_stream):
    say(label_stream, label_body(transaction_id="early"))
    run_labels(label_stream)
    make_decision(transaction_id="early")

    WaitingLabel.objects.update(since=F("since") - timedelta(seconds=settings.LABEL_PATIENCE_SECONDS + 1))
    labels.retry_waiting_labels()

    assert Label.objects.count() == 1
    assert not DeadLetter.objects.exists()


def test_a_waiting_label_that_is_read_again_waits_once(label_stream):
    say(label_stream, label_body(transaction_id="early"))
    run_labels(label_stream)
    StreamProgress.objects.update(position="")

    run_labels(label_stream)

    assert WaitingLabel.objects.count() == 1


def test_the_clock_has_waiting_labels_looked_at(label_stream):
    app.finalize()
    app.loader.import_default_modules()
    due = app.conf.beat_schedule["retry-waiting-labels"]
    say(label_stream, label_body(transaction_id="early"))
    run_labels(label_stream)
    make_decision(transaction_id="early")

    app.tasks[due["task"]].apply()

    assert Label.objects.count() == 1
    assert due["schedule"] == 60.0
    assert "relay-outbox" in app.conf.beat_schedule


def test_waiting_labels_all_get_their_turn_in_chunks(label_stream, monkeypatch):
    monkeypatch.setattr(labels, "RETRY_CHUNK", 3)
    say(label_stream, *(label_body(transaction_id=f"early-{number}") for number in range(7)))
    run_labels(label_stream)
    for number in range(7):
        make_decision(transaction_id=f"early-{number}")

    assert labels.retry_waiting_labels() == 7


# --- failures ------------------------------------------------------------------------------------------------------


def test_a_dead_letter_that_cannot_be_written_rolls_the_batch_back(label_stream, monkeypatch):
    make_decision(transaction_id="x")
    say(label_stream, label_body(), b"bad")

    def fail(*arguments, **named):
        raise DatabaseError("disk full")

    monkeypatch.setattr(DeadLetter.objects, "bulk_create", fail)
    with pytest.raises(DatabaseError):
        run_labels(label_stream)

    assert not Label.objects.exists()
    assert not StreamProgress.objects.exclude(position="").exists()


def test_poison_among_the_labels_stops_them(label_stream):
    say(label_stream, *(b"%d" % number for number in range(settings.STREAM_POISON_THRESHOLD)))

    with pytest.raises(PoisonedStreamError, match="records of labels in a row"):
        run_labels(label_stream)

    assert not DeadLetter.objects.exists()
