"""Any part of the log, read again: nothing changes but what was missing."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from scoring.features.live import FeatureStoreError, MemoryStore
from scoring.models import Decision, Outbox, PendingFeatures
from streams.ledger import log
from streams.ledger.log import Span, recorded_stretches
from streams.management.commands import replay as command
from streams.models import DeadLetter, StreamProgress
from streams.source import TRANSACTIONS
from tests.memory_stream import MemoryStream
from tests.scoring.payments import body_of, publish
from tests.streams.flow import drain, worker_on

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _policy(db) -> None:
    publish()


@pytest.fixture
def stream(monkeypatch) -> MemoryStream:
    stream = MemoryStream(partitions=2)
    monkeypatch.setattr(stream, "close", lambda: None)
    monkeypatch.setattr(command, "connect_source", lambda name: stream)
    return stream


@pytest.fixture
def store(monkeypatch) -> MemoryStore:
    store = MemoryStore()
    monkeypatch.setattr(command, "batch_store", lambda: store)
    return store


def send(stream: MemoryStream, *bodies: bytes, key: str = "card-1") -> None:
    stream.publish(TRANSACTIONS, [(key, body) for body in bodies])


def work(stream: MemoryStream, store: MemoryStore) -> None:
    """A worker that handles what is there."""
    drain(worker_on(stream, store))


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report."""
    out = StringIO()
    try:
        call_command("replay", *arguments, "--json", stdout=out)
    except CommandError as error:
        return error.returncode, json.loads(out.getvalue() or "{}")
    return 0, json.loads(out.getvalue())


def rows() -> list[Any]:
    tables = (Decision, DeadLetter, Outbox, StreamProgress, PendingFeatures)
    return [list(table.objects.order_by("id").values()) for table in tables]


def test_a_replay_of_what_was_handled_changes_nothing(stream, store):
    body = body_of(transaction_id="x")
    send(stream, body, b"bad", body, body_of(transaction_id="x", amount="99"), *(body_of() for _ in range(5)))
    send(stream, body_of(card_id="card-2"), key="card-2")
    work(stream, store)
    before, states = rows(), dict(store.states)

    code, report = run()

    assert code == 0
    assert (report["read"], report["decided_before"], report["dead_letters_before"]) == (10, 8, 2)
    assert rows() == before
    assert store.states == states


def test_a_payment_the_record_has_lost_is_decided_and_the_next_replay_finds_nothing(stream, store):
    send(stream, body_of(), body_of(transaction_id="lost"), body_of())
    work(stream, store)
    Decision.objects.filter(transaction_id="lost").delete()

    code, report = run()

    assert (code, report["missing"]) == (1, 1)
    assert "transaction lost" in report["holes"][0]
    decided = Decision.objects.get(transaction_id="lost")
    assert (decided.source.split("/")[0], decided.position) == ("stream:transactions", "1")
    assert Outbox.objects.filter(ids__contains=[decided.id]).exists()
    assert run()[0] == 0


def test_a_refused_record_without_its_letter_becomes_one(stream, store):
    send(stream, b"bad", body_of(transaction_id="x"), body_of(transaction_id="x", amount="99"))
    work(stream, store)
    kept = list(DeadLetter.objects.order_by("position").values_list("position", "body", "errors"))
    DeadLetter.objects.all().delete()

    code, report = run()

    assert (code, report["invalid"], report["conflicts"]) == (1, 1, 1)
    assert list(DeadLetter.objects.order_by("position").values_list("position", "body", "errors")) == kept
    assert run()[0] == 0


def test_a_dry_run_finds_the_holes_and_leaves_them(stream, store):
    send(stream, body_of(transaction_id="lost"), b"bad")
    work(stream, store)
    Decision.objects.all().delete()
    DeadLetter.objects.all().delete()
    before = rows()

    code, report = run("--dry-run")

    assert (code, report["missing"], report["invalid"]) == (1, 1, 1)
    assert rows() == before


def test_a_record_that_is_a_dead_letter_stays_one_though_it_is_valid_by_now(stream, store):
    ahead = (now() + timedelta(minutes=10)).isoformat()
    send(stream, body_of(occurred_at=ahead))
    work(stream, store)
    letter = DeadLetter.objects.get()
    send(stream, body_of())
    work(stream, store)

    assert run()[0] == 0
    assert DeadLetter.objects.get() == letter
    assert Decision.objects.count() == 1


def test_what_the_worker_has_not_reached_is_left_to_it(stream, store):
    send(stream, body_of())
    work(stream, store)
    send(stream, body_of())

    assert run()[1]["read"] == 1
    assert Decision.objects.count() == 1


def test_positions_bound_what_is_read(stream, store):
    send(stream, *(body_of() for _ in range(6)))
    work(stream, store)
    partition = StreamProgress.objects.exclude(position="").get().partition

    code, report = run("--partition", partition, "--from", "2", "--to", "4")

    assert (code, report["read"]) == (0, 3)
    assert run("--from", "2")[0] == 2
    assert run("--partition", "no such")[0] == 2


def test_a_first_position_without_a_record_is_said(stream, store, monkeypatch):
    send(stream, *(body_of() for _ in range(4)))
    work(stream, store)
    partition = StreamProgress.objects.exclude(position="").get().partition
    kept = stream._after
    monkeypatch.setattr(stream, "_after", lambda *arguments: [one for one in kept(*arguments) if one.position > 2])

    report = run("--partition", partition, "--from", "1")[1]

    assert report["read"] == 1
    assert report["unread"] == [f"partition {partition} has no record at 1; it was read from the next one on"]


def test_what_the_broker_has_dropped_is_said(stream, store):
    send(stream, *(body_of() for _ in range(4)))
    work(stream, store)
    for log_ in stream.logs.values():
        del log_[2:]

    code, report = run()

    assert (code, report["read"]) == (0, 2)
    assert report["unread"][0].endswith("ends at position 1, but was handled up to 3")


def test_times_bound_what_is_read_and_skip_what_was_decided_long_before(stream, store, monkeypatch):
    send(stream, *(body_of() for _ in range(4)))
    work(stream, store)
    noon = now()
    Decision.objects.filter(position__in=["0", "1"]).update(decided_at=noon - 3 * log.CLOCK_SLACK)

    (stretch,) = recorded_stretches(stream, TRANSACTIONS, Span(since=noon - log.CLOCK_SLACK / 2))

    assert (stretch.after, stretch.last) == (1, 3)


def test_records_outside_the_span_are_passed_over(monkeypatch):
    messages = [log.Message(TRANSACTIONS, "0", i, b"", produced_at=1_000.0 + i) for i in range(5)]
    moments = [now().fromtimestamp(at, now().tzinfo) for at in (1_001.0, 1_003.0)]

    held = [message.position for message in messages if Span(*moments).holds(message)]

    assert held == [1, 2, 3]
    assert Span(*moments).holds(log.Message(TRANSACTIONS, "0", 9, b""))


def test_a_replay_that_fails_half_way_is_run_again(stream, store, monkeypatch):
    monkeypatch.setattr(log, "BATCH", 2)
    send(stream, *(body_of() for _ in range(6)))
    work(stream, store)
    Decision.objects.all().delete()
    calls = []

    class Failing(MemoryStore):
        def read(self, keys):
            calls.append(keys)
            if len(calls) == 2:
                raise FeatureStoreError("gone")
            return super().read(keys)

    failing = Failing()
    monkeypatch.setattr(command, "batch_store", lambda: failing)
    assert run()[0] == 1
    assert Decision.objects.count() == 2

    assert run()[1]["missing"] == 4
    assert Decision.objects.count() == 6
    assert run()[0] == 0
