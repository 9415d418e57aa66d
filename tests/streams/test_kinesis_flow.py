"""The whole way on Kinesis: shards split and merged under load, a worker that dies, replay, and a ledger that holds."""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from functools import partial
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Max, Min

from scoring.models import Decision, Outbox
from scoring.services.store import batch_store
from streams import outbox
from streams.connect import connect_publisher, connect_source
from streams.models import DeadLetter, StreamProgress
from streams.outbox import relay_outbox
from streams.source import TRANSACTIONS
from tests.contracts.conftest import REGION
from tests.scoring.payments import body_of, publish
from tests.streams import crew as crews
from tests.streams.crew import PATIENCE_SECONDS, Crew, Record, crew, decided, names_in, simulated
from tests.streams.flow import worker_on
from tests.streams.kinesis_world import Expiry, Kinesis, kinesis_with_streams
from tests.streams.ledger_world import run
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PAYMENTS = 3_000
IN_ONE_CALL = 100
AHEAD = 500


@pytest.fixture
def kinesis(settings, monkeypatch) -> Iterator[Kinesis]:
    """The streams, and settings that name them."""
    settings.STREAM_BATCH_SIZE = 100
    with kinesis_with_streams(monkeypatch) as kinesis:
        settings.STREAM_URL, settings.KINESIS_ENDPOINT_URL = f"kinesis://{REGION}", kinesis.url
        outbox._publisher.cache_clear()
        yield kinesis
        outbox._publisher().close()
        outbox._publisher.cache_clear()


@pytest.fixture
def workers(kinesis, monkeypatch) -> Iterator[Crew]:
    with crew(monkeypatch) as made:
        yield made


class Load(threading.Thread):
    """Sends records while everything else happens, and keeps a little ahead of the workers."""

    def __init__(self, records: list[Record]) -> None:
        super().__init__(name="load")
        self._records = records

    def run(self) -> None:
        with closing(connect_publisher()) as publisher:
            for start in range(0, len(self._records), IN_ONE_CALL):
                is_due = partial(self._is_due, len(names_in(self._records[:start])))
                wait_until(is_due, seconds=PATIENCE_SECONDS)
                publisher.publish(TRANSACTIONS, self._records[start : start + IN_ONE_CALL])
        connection.close()

    def _is_due(self, sent: int) -> bool:
        return decided() >= sent - AHEAD


def assert_children_after_their_parents() -> None:
    """Nothing of a shard was decided before the last of the shards it came from."""
    ids = {
        row["source"].rpartition("/")[2]: (row["first"], row["last"])
        for row in Decision.objects.values("source").annotate(first=Min("id"), last=Max("id")).order_by()
    }
    with closing(connect_source(TRANSACTIONS)) as source:
        pairs = [(parent, shard.name) for shard in source.partitions() for parent in shard.parents]
    assert len(pairs) == 4
    for parent, child in pairs:
        assert ids[parent][1] < ids[child][0]


def test_resharding_expired_iterators_and_a_dead_worker_lose_nothing_and_double_nothing(kinesis, workers, monkeypatch):
    expiry = Expiry(monkeypatch)
    publish()
    sent = simulated(PAYMENTS, seed=12)
    first, second = workers.start(2)
    workers.until(lambda: workers.holds(first) and workers.holds(second))
    load = Load(sent)
    load.start()

    workers.until(lambda: decided() > PAYMENTS / 10)
    alone, left, right = kinesis.open_shards()
    kinesis.split(alone)
    workers.until(lambda: decided() > PAYMENTS / 5)
    kinesis.merge(left, right)
    expiry.due = 4
    workers.until(lambda: workers.holds(first) and decided() > PAYMENTS / 3)
    first.kill_at_its_next_feature_write()
    workers.until(lambda: not first.is_alive())
    workers.until(lambda: decided() == PAYMENTS and not Outbox.objects.exists())
    load.join()

    finished = StreamProgress.objects.filter(stream=TRANSACTIONS).exclude(finished_at=None)
    workers.until(lambda: {row.partition for row in finished.all()} == {alone, left, right})
    assert expiry.due <= 0
    assert_children_after_their_parents()
    crews.assert_decided_once(sent)
    crews.assert_cards_in_the_order_of_the_log(sent)
    crews.assert_published_once(sent)
    workers.stop()
    crews.assert_ledger_holds(len(sent))


def replay(*arguments: str) -> dict:
    """The report of `manage.py replay --dry-run`."""
    out = StringIO()
    with suppress(CommandError):
        call_command("replay", "--dry-run", "--json", *arguments, stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture
def handled(kinesis) -> dict[str, list[str]]:
    """Positions by shard of six payments of each of two cards, which come in turns, decided and published."""
    publish()
    with closing(connect_publisher()) as publisher, closing(connect_source(TRANSACTIONS)) as source:
        cards = [f"card-{1 + number % 2}" for number in range(12)]
        publisher.publish(TRANSACTIONS, [(card, body_of(card_id=card)) for card in cards])
        worker = worker_on(source, batch_store())
        wait_until(lambda: worker.step(wait_seconds=0.1) and decided() == 12)
        worker.release()
    relay_outbox()
    rows = Decision.objects.order_by("id").values_list("source", "position")
    shards = sorted({source.rpartition("/")[2] for source, _ in rows})
    return {shard: [position for source, position in rows if source.endswith(shard)] for shard in shards}


def test_a_replay_reads_all_shards_and_finds_no_hole(handled):
    report = replay()

    assert len(handled) == 2
    assert (report["read"], report["decided_before"], report["unread"]) == (12, 12, [])


def test_a_replay_begins_and_ends_with_the_records_it_is_told(handled, caplog):
    shard, positions = next(iter(handled.items()))

    with caplog.at_level(logging.ERROR):
        report = replay("--partition", shard, "--from", positions[2], "--to", positions[4])

    assert (report["read"], report["decided_before"], report["unread"]) == (3, 3, [])
    assert caplog.text == ""


def test_a_replay_decides_what_the_record_has_lost(handled):
    lost = Decision.objects.order_by("id").last()
    lost.delete()

    assert replay()["missing"] == 1
    with pytest.raises(CommandError, match="mended"):
        call_command("replay", "--json", stdout=StringIO())

    assert Decision.objects.get(transaction_id=lost.transaction_id).position == lost.position
    assert replay()["missing"] == 0


def test_a_decision_that_was_never_published_is_found_though_it_is_older_than_the_topic(handled):
    row = Decision.objects.order_by("id").first()
    row.pk, row.transaction_id, row.source, row.position = None, "never-published", "api", ""
    row.decided_at -= timedelta(seconds=1)
    row.save(force_insert=True)

    effects = run()[1]["B"]

    assert effects["standing"] == "broken"
    assert "never-published" in effects["examples"][0]


def test_a_large_dead_letter_does_not_hold_up_those_after_it(kinesis):
    publish()
    with closing(connect_publisher()) as publisher, closing(connect_source(TRANSACTIONS)) as source:
        publisher.publish(TRANSACTIONS, [("a", b"x" * 900_000), ("a", b"bad")])
        worker = worker_on(source, batch_store())
        wait_until(lambda: worker.step(wait_seconds=0.1) and DeadLetter.objects.count() == 2)

    relay_outbox()

    assert not Outbox.objects.exists()
