"""The main job from end to end, on the real processes: stream, decision, case, verdict, label, training set."""

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from scoring.datasets import recorded_payments
from scoring.ml.datasets import FRAUD, UNKNOWN
from scoring.models import Decision, Label, PendingFeatures
from scoring.queries import features_of
from scoring.services.labels import LABELS_WRITER
from scoring.services.policy import RuleDraft, publish_policy
from scoring.services.store import batch_store
from streams.connect import connect_publisher
from streams.simulator import encode
from streams.source import TRANSACTIONS
from tests.factories import make_user
from tests.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELERY = [sys.executable, "-m", "celery", "-A", "fraudapp", "worker", "--without-gossip", "--without-mingle"]
WORKERS = (
    [*CELERY, "--stream", "--pool", "solo", "-n", "stream@%h", "-Q", "stream-control"],
    [*CELERY, "--pool", "threads", "--concurrency", "2", "-n", "tasks@%h"],
)


@pytest.fixture
def workers(transactional_db, process_environment):
    """A stream worker and a task worker on the test database."""
    processes = [subprocess.Popen(command, env=process_environment) for command in WORKERS]
    yield
    for process in processes:
        process.send_signal(signal.SIGTERM)
    assert [process.wait(60) for process in processes] == [0, 0]


def send(transaction_id: str, **fields) -> None:
    record = {
        "transaction_id": transaction_id,
        "occurred_at": datetime.now(UTC).isoformat(),
        "amount": "1249.00",
        "currency": "EUR",
        "card_id": "card-7731",
        "merchant_id": "merchant-1",
        "merchant_name": "Nordic <b>Electronics</b>",
        **fields,
    }
    publisher = connect_publisher()
    publisher.publish(TRANSACTIONS, [(record["card_id"], encode(record))])
    publisher.close()


def decided(transaction_id: str) -> bool:
    return Decision.objects.filter(transaction_id=transaction_id).exists()


def are_labels_counted() -> bool:
    rows = PendingFeatures.objects.filter(writer=LABELS_WRITER).values_list("id", flat=True)
    return bool(rows) and all(batch_store().has_receipts([str(row) for row in rows]))


def test_a_payment_on_the_stream_ends_as_a_label_the_next_training_uses(site, sign_in, workers):
    publish_policy(
        review_threshold=0.5,
        decline_threshold=0.9,
        rules=[RuleDraft("large", "amount > 1000", "review", "The amount is large")],
        note="for this test",
        published_by=None,
        based_on=0,
    )
    page = sign_in(make_user())

    send("t-1")

    # It appears in the open page by itself, hostile name and all.
    row = page.get_by_role("row").filter(has_text="7731")
    expect(row).to_contain_text("The amount is large", timeout=60_000)
    page.keyboard.press("n")
    expect(page.get_by_text("Nordic <b>Electronics</b>").first).to_be_visible()
    page.keyboard.press("f")
    expect(page.get_by_text("Case closed.")).to_be_visible()

    # The time to undo passes, and the task worker lets it take effect.
    wait_until(Label.objects.exists)
    label = Label.objects.get()
    assert (label.decision.transaction_id, label.label, label.source) == ("t-1", "fraud", "analyst")
    assert label.author.username == "alice"

    # The shop's next payment knows.
    wait_until(are_labels_counted)
    send("t-2", card_id="card-2", amount="5.00")
    wait_until(lambda: decided("t-2"))
    assert features_of(Decision.objects.get(transaction_id="t-2"))["merchant_decayed_frauds_7d"] == pytest.approx(
        1, abs=0.01
    )

    # So does the next training.
    end = datetime.now(UTC)
    dataset = recorded_payments(end - timedelta(hours=1), end, labels_as_of=end, maturity=timedelta(days=120))
    assert sorted(dataset.labels) == [UNKNOWN, FRAUD]
