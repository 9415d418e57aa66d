"""The real worker processes: they decide, share, end warmly, take over from the killed, and die loudly."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cases.models import FeedEntry
from scoring.features.live import MemoryStore, Pending, ValkeyStore
from scoring.models import Decision, Outbox
from scoring.queries import payments_between
from scoring.services.outbox import add_to_outbox
from streams.models import StreamProgress, StreamWorker
from streams.source import TRANSACTIONS
from streams.valkey import ValkeyPublisher
from tests.factories import NOON, make_decision
from tests.scoring.payments import body_of, publish

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 40.0
PARTITIONS = 4
# Soon enough for a test, and long against a batch.
LEASE_SECONDS = 3.0


class Worker:
    """`celery worker --stream` as its own process, on the database and Valkey of the test."""

    def __init__(self, log: Path, *options: str) -> None:
        self.log = log
        database = make_conninfo(
            **conninfo_to_dict(settings.DATABASE_URL) | {"dbname": connection.settings_dict["NAME"]}
        )
        environment = os.environ | {
            "DATABASE_URL": database, "STREAM_PARTITIONS": str(PARTITIONS), "STREAM_BATCH_SIZE": "40",
            "STREAM_RENEW_SECONDS": "0.5", "STREAM_LEASE_SECONDS": str(LEASE_SECONDS),
            "DJANGO_SETTINGS_MODULE": "fraudapp.settings", "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        command = [sys.executable, "-m", "celery", "-A", "fraudapp", "worker", "--pool", "solo", *options]
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                command, cwd=settings.BASE_DIR, env=environment, stdout=out, stderr=out, start_new_session=True
            )

    def stop(self, signal_number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(signal_number)
        return self.process.wait(PATIENCE_SECONDS)

    def text(self) -> str:
        return self.log.read_text(errors="replace")


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., Worker]]:
    publish()
    started: list[Worker] = []

    def start_worker(*options: str) -> Worker:
        started.append(Worker(tmp_path / f"worker-{len(started)}.log", *(options or ("--stream",))))
        return started[-1]

    yield start_worker
    for worker in started:
        if worker.process.poll() is None:
            worker.stop(signal.SIGKILL)


@pytest.fixture
def publisher() -> Iterator[ValkeyPublisher]:
    publisher = ValkeyPublisher(settings.REDIS_URL, partitions=PARTITIONS)
    yield publisher
    publisher.close()


def send(publisher: ValkeyPublisher, first: int, count: int) -> None:
    publisher.publish(TRANSACTIONS, [payment(number) for number in range(first, first + count)])


def payment(number: int) -> tuple[str, bytes]:
    card = f"card-{number % 10}"
    occurred_at = (NOON + timedelta(seconds=number)).isoformat()
    body = body_of(
        transaction_id=f"w-{number}", card_id=card, merchant_id=f"m-{number % 3}", device_id=f"d-{number % 4}",
        amount=f"{number % 50 + 1}.25", occurred_at=occurred_at,
    )  # fmt: skip
    return card, body


def wait_until(is_true: Callable[[], bool], worker: Worker) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, worker.text()[-3000:]
        assert worker.process.poll() is None, worker.text()[-3000:]
        time.sleep(0.05)


def decided() -> int:
    return Decision.objects.count()


def readers() -> list[int]:
    """How many partitions each worker holds, the busiest last."""
    held = Counter(StreamProgress.objects.filter(stream=TRANSACTIONS).exclude(owner="").values_list("owner", flat=True))
    return sorted(held.values())


def assert_decided_once(total: int) -> None:
    """Each payment has one decision, announced once."""
    assert Decision.objects.values("transaction_id").distinct().count() == decided() == total
    announced = [pk for ids in Outbox.objects.filter(topic="decisions").values_list("ids", flat=True) for pk in ids]
    assert sorted(announced) == sorted(Decision.objects.values_list("id", flat=True))


def assert_features_equal_one_run() -> None:
    """A card has one reader at a time: its live state is that of applying the record once, in its order."""
    store, live = MemoryStore(), ValkeyStore(settings.REDIS_URL, timeout_seconds=5)
    Pending(store, [payment for _, payment in payments_between(1, 10**9)]).write()
    cards = [key for key in store.states if ":card:" in key]
    assert len(cards) == 10
    for key, state in zip(cards, live.read(cards)[1], strict=True):
        assert state is not None
        assert state[8:] == store.states[key][8:]


def test_it_decides_what_comes_and_ends_warmly_on_request(start, publisher):
    send(publisher, 0, 100)
    worker = start()
    wait_until(lambda: decided() == 100, worker)
    send(publisher, 100, 30)
    wait_until(lambda: decided() == 130, worker)

    assert worker.stop() == 0, worker.text()[-3000:]

    for row in StreamProgress.objects.filter(stream=TRANSACTIONS):
        of_partition = Decision.objects.filter(source=f"stream:{TRANSACTIONS}/{row.partition}")
        assert int(row.position or -1) == max(map(int, of_partition.values_list("position", flat=True)), default=-1)
        assert row.owner == ""
    assert not StreamWorker.objects.exists()
    assert "Traceback" not in worker.text()
    assert_features_equal_one_run()


@pytest.mark.slow
def test_killed_in_the_flow_its_partitions_go_to_the_other_and_each_payment_is_decided_once(start, publisher):
    first, second = start(), start()
    wait_until(lambda: readers() == [2, 2], second)
    total = 2400
    send(publisher, 0, total)
    wait_until(lambda: decided() > 200, first)

    first.stop(signal.SIGKILL)
    left = total - decided()
    wait_until(lambda: decided() == total, second)

    assert left > 0
    assert readers() == [PARTITIONS]
    assert second.stop() == 0, second.text()[-3000:]
    assert_decided_once(total)
    assert_features_equal_one_run()


@pytest.mark.slow
def test_a_worker_that_joins_and_one_that_leaves_change_nothing_but_who_decides(start, publisher):
    total = 2400
    first = start()
    wait_until(lambda: readers() == [PARTITIONS], first)
    send(publisher, 0, total // 2)
    second = start()
    wait_until(lambda: readers() == [2, 2], second)
    send(publisher, total // 2, total // 2)
    wait_until(lambda: decided() > total // 2, second)

    assert first.stop() == 0, first.text()[-3000:]
    wait_until(lambda: decided() == total and readers() == [PARTITIONS], second)

    assert second.stop() == 0, second.text()[-3000:]
    assert_decided_once(total)
    assert_features_equal_one_run()
    assert "Traceback" not in first.text() + second.text()


@pytest.mark.slow
def test_a_worker_that_slept_past_its_lease_drops_what_it_had_in_hand(start, publisher):
    first, second = start(), start()
    wait_until(lambda: readers() == [2, 2], second)
    total = 2400
    send(publisher, 0, total)
    wait_until(lambda: decided() > 200, first)

    first.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: readers() == [PARTITIONS], second)
    first.process.send_signal(signal.SIGCONT)
    wait_until(lambda: decided() == total and readers() == [2, 2], second)

    assert first.stop() == second.stop() == 0
    assert_decided_once(total)
    assert_features_equal_one_run()


def test_a_poisoned_stream_ends_the_process_and_the_log_says_why(start, publisher):
    publisher.publish(TRANSACTIONS, [("one-key", b"no payment")] * settings.STREAM_POISON_THRESHOLD * 3)
    worker = start()

    code = worker.process.wait(PATIENCE_SECONDS)

    assert code != 0
    assert "in a row are invalid" in worker.text()


def test_a_task_worker_relays_the_outbox_and_consumes_no_stream(start, publisher):
    send(publisher, 0, 3)
    worker = start("--concurrency", "1")
    wait_until(lambda: "relaying the outbox" in worker.text(), worker)
    with transaction.atomic():
        add_to_outbox("alerts", [make_decision().id])
    wait_until(lambda: FeedEntry.objects.count() == 1, worker)

    # What was flagged is explained after that.
    wait_until(lambda: not Outbox.objects.exists(), worker)
    assert worker.stop() == 0, worker.text()[-3000:]
    assert decided() == 1
