"""What webhooks do about faults of our own: a database that blinks, and what nobody foresaw."""

import pytest
from django.db import InterfaceError, OperationalError
from django.utils.timezone import now

from scoring.models import WebhookDelivery
from scoring.services.webhooks import send_test
from streams import thread_step
from streams.webhooks import courier
from streams.webhooks import step as webhooks_step
from streams.webhooks.deliveries import LEASE
from streams.webhooks.step import WebhooksStep
from tests.factories import NOON
from tests.streams.webhook_receiver import answer
from tests.streams.webhook_world import deliver, leave, make_endpoint, only

pytestmark = pytest.mark.django_db


def run_until(is_done) -> None:
    """The task worker's step, as its thread runs it."""
    step = WebhooksStep(None)
    record_first = courier.record

    def record_and_look(*arguments, **options):
        record_first(*arguments, **options)
        if is_done():
            step.stopping.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(courier, "record", record_and_look)
        for module in (thread_step, webhooks_step):
            patch.setattr(module, "RETRY_SECONDS", 0.01)
        # The test's transaction is in this connection.
        patch.setattr(thread_step.connections, "close_all", lambda: None)
        while not step.stopping.is_set():
            step._try()
    step.stop(None)


def fail_first(monkeypatch, module, name: str, error: Exception) -> None:
    original, errors = getattr(module, name), [error]

    def fail_once(*arguments, **options):
        if errors:
            raise errors.pop()
        return original(*arguments, **options)

    monkeypatch.setattr(module, name, fail_once)


@pytest.mark.parametrize("error", [OperationalError("away"), InterfaceError("the connection is closed")])
def test_what_was_delivered_while_the_database_blinked_is_recorded_and_not_sent_again(shop, monkeypatch, error):
    send_test(make_endpoint(shop.url), now=now())
    fail_first(monkeypatch, courier, "record", error)

    run_until(lambda: only().state == "delivered")

    assert len(shop.got) == 1
    assert [attempt.status for attempt in only().tries.all()] == [204]


def test_an_endpoint_that_said_it_is_gone_while_the_database_blinked_is_switched_off(shop, monkeypatch):
    endpoint = make_endpoint(shop.url)
    send_test(endpoint, now=now())
    shop.replies = [answer(410)]
    fail_first(monkeypatch, courier, "record", OperationalError("away"))

    run_until(lambda: only().tries.exists())

    endpoint.refresh_from_db()
    assert not endpoint.is_active
    assert len(shop.got) == 1


def test_a_message_that_cannot_be_recorded_takes_no_other_with_it(shop, monkeypatch, caplog):
    make_endpoint(shop.url)
    leave(3)
    fail_first(monkeypatch, courier, "record", ValueError("of one message"))

    deliver(NOON)

    assert len(shop.got) == 3
    assert sorted(WebhookDelivery.objects.values_list("state", flat=True)) == ["delivered", "delivered", "waiting"]
    assert "could not be recorded" in caplog.text
    deliver(NOON + LEASE)
    assert not WebhookDelivery.objects.exclude(state="delivered").exists()


def test_a_message_that_cannot_be_sent_is_an_attempt_and_comes_again(shop, monkeypatch):
    make_endpoint(shop.url)
    leave()
    fail_first(monkeypatch, courier, "post", ValueError("no such thing"))

    deliver(NOON)

    assert (only().state, only().attempts, only().tries.get().error) == ("waiting", 1, "Could not be sent (ValueError)")
    deliver(only().next_attempt_at)
    assert only().state == "delivered"


def test_what_goes_wrong_unexpectedly_does_not_end_the_worker(shop, monkeypatch, caplog):
    send_test(make_endpoint(shop.url), now=now())
    fail_first(monkeypatch, courier, "claim_due", ValueError("a bug"))

    run_until(lambda: only().state == "delivered")

    assert "webhooks could not be sent" in caplog.text
    assert len(shop.got) == 1
