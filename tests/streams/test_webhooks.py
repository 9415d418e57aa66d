"""What is told to endpoints, and what people ask for."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.utils.timezone import now

from cases.models import Verdict
from cases.services import deadlines, verdict_effects, verdicts
from scoring.models import Outbox, WebhookDelivery, WebhookEndpoint
from scoring.services.webhook_endpoints import create_endpoint, disable_endpoint
from scoring.services.webhooks import EndpointDisabledError, Message, leave_messages, redeliver, send_test
from streams.outbox import relay_outbox
from streams.source import VERDICTS
from streams.webhooks.deliveries import claim_due
from tests.factories import DAY, HOUR, MINUTE, NOON, make_case, make_decision, make_queue, make_user
from tests.streams.flow import sent_out
from tests.streams.test_worker import Worker
from tests.streams.webhook_world import SECOND, deliver, is_genuine, leave, make_endpoint, only
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


def decide(verdict: str = "fraud") -> Verdict:
    return verdicts.record(case=make_case(), analyst=make_user(), verdict=verdict, decided_at=NOON)


# --- what is told --------------------------------------------------------------------------------------------------


def test_a_verdict_tells_every_active_endpoint_what_the_topic_says(published):
    shop, bank = make_endpoint(), make_endpoint("https://bank.example/", "bank")
    off = make_endpoint("https://off.example/", "off")
    disable_endpoint(off, reason="moved")
    said = decide()

    verdict_effects.settle_due(now=NOON + MINUTE)
    relay_outbox()

    (on_topic,) = sent_out(published, VERDICTS)
    first, second = WebhookDelivery.objects.order_by("id")
    assert {first.endpoint, second.endpoint} == {shop, bank}
    assert json.loads(first.body) == on_topic == json.loads(second.body)
    assert first.message_id == second.message_id
    assert (first.decision, first.created_at) == (said.payments.get().decision, NOON + MINUTE)


def test_the_clock_tells_too():
    make_endpoint()
    queue = make_queue(on_timeout="decide", default_verdict="legitimate")
    make_case(queue=queue, due_at=NOON)

    deadlines.watch_deadlines(now=NOON + HOUR)

    said = json.loads(only().body)
    assert (said["by"], said["action"]) == ("clock", "release")


def test_a_verdict_that_is_rolled_back_tells_nobody():
    make_endpoint()
    decide()

    with transaction.atomic():
        verdict_effects.settle_due(now=NOON + MINUTE)
        assert WebhookDelivery.objects.count() == 1
        transaction.set_rollback(True)

    assert not WebhookDelivery.objects.exists()
    assert not Outbox.objects.filter(topic="verdicts").exists()


def test_the_same_message_is_left_once():
    make_endpoint()
    message = Message(make_decision().id, b'{"transaction_id": "t"}')

    leave_messages([message, message], now=NOON)
    leave_messages([message], now=NOON + HOUR)

    assert only().created_at == NOON


def test_a_worker_that_claims_holds_up_no_verdict_and_no_other_worker(transactional_db):
    endpoint = make_endpoint()
    leave()
    is_claiming, go_on = threading.Event(), threading.Event()

    def claim() -> None:
        with transaction.atomic():
            WebhookEndpoint.objects.select_for_update(no_key=True).get(id=endpoint.id)
            is_claiming.set()
            go_on.wait(30)
        connection.close()

    with ThreadPoolExecutor(1) as other:
        claiming = other.submit(claim)
        assert is_claiming.wait(30)
        try:
            with connection.cursor() as cursor, transaction.atomic():
                cursor.execute("SET LOCAL lock_timeout = '5s'")
                leave()
                assert claim_due(now=NOON, room=1) == []
        finally:
            go_on.set()
        claiming.result()
    assert len(claim_due(now=NOON, room=2)) == 2


def test_the_process_of_the_task_worker_sends_what_is_due(transactional_db, shop, tmp_path, monkeypatch):
    monkeypatch.setenv("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.1/32")
    send_test(make_endpoint(shop.url), now=now())
    worker = Worker(tmp_path / "worker.log", "--without-gossip", "--without-mingle")

    try:
        wait_until(lambda: only().state == "delivered")
    finally:
        code = worker.stop()

    assert shop.ids == [only().message_id]
    assert code == 0, worker.text()[-3000:]


# --- by hand -------------------------------------------------------------------------------------------------------


def test_a_delivered_message_is_sent_again_with_its_id_when_asked_for(shop):
    make_endpoint(shop.url)
    leave()
    deliver(NOON)

    assert redeliver(only(), now=NOON + 3 * DAY)
    deliver(NOON + 3 * DAY)

    assert shop.ids == [only().message_id] * 2
    assert (only().state, only().delivered_at, only().tries.count()) == ("delivered", NOON + 3 * DAY, 2)


def test_a_failed_message_gets_another_day(shop):
    make_endpoint(shop.url)
    leave()
    WebhookDelivery.objects.update(state="failed", attempts=17)

    redeliver(only(), now=NOON + 3 * DAY)

    assert (only().state, only().attempts, only().give_up_at) == ("waiting", 0, NOON + 4 * DAY)


def test_what_is_being_sent_is_not_sent_beside_itself(shop):
    make_endpoint(shop.url)
    leave()
    claim_due(now=NOON, room=1)

    assert not redeliver(only(), now=NOON + SECOND)


def test_nothing_is_asked_for_of_an_endpoint_that_is_off(shop):
    endpoint = make_endpoint(shop.url)
    leave()
    disable_endpoint(endpoint, reason="moved")

    with pytest.raises(EndpointDisabledError):
        redeliver(only(), now=NOON)
    with pytest.raises(EndpointDisabledError):
        send_test(endpoint, now=NOON)


def test_a_test_message_goes_the_same_way_and_tells_of_no_payment(shop):
    endpoint, secret = create_endpoint(name="shop", url=shop.url, author=None, now=NOON)

    send_test(endpoint, now=NOON)
    deliver(NOON)

    ((_, headers, body),) = shop.got
    assert is_genuine(secret, headers, body)
    assert json.loads(body)["test"] is True
    assert "action" not in json.loads(body)
    assert (only().decision, only().state) == (None, "delivered")
