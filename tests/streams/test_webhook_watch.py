"""What watches webhooks: Prometheus, and the check of the ledger."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from prometheus_client import CollectorRegistry

from cases.services import deadlines, verdict_effects, verdicts
from scoring.models import WebhookDelivery, WebhookEndpoint
from scoring.services.webhook_endpoints import create_endpoint, disable_endpoint
from scoring.services.webhooks import PATIENCE, send_test
from streams.ledger.log import Span
from streams.ledger.report import Check
from streams.ledger.webhooks import check_webhooks
from streams.webhooks.deliveries import claim_due
from streams.webhooks.metrics import WebhookCollector
from tests.factories import DAY, HOUR, MINUTE, NOON, make_case, make_decision, make_queue, make_user
from tests.streams.ledger_world import broken
from tests.streams.webhook_world import leave, make_endpoint

pytestmark = pytest.mark.django_db


def sample(name: str, endpoint: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(WebhookCollector())
    return registry.get_sample_value(name, {"endpoint": endpoint})


def faults(since=None, until=None) -> list[str]:
    check = Check("B", "", "")
    check_webhooks(check, Span(since, until))
    assert bool(check.examples) == bool(check.faults)
    return check.examples


def decide_at(moment) -> str:
    """A held payment that is refused; its id."""
    case = make_case()
    said = verdicts.record(
        case=case, analyst=make_user(username=f"analyst-{case.id}"), verdict="fraud", decided_at=moment - MINUTE
    )
    verdict_effects.settle_due(now=moment)
    return said.payments.get().decision.transaction_id


# --- metrics -------------------------------------------------------------------------------------------------------


def test_prometheus_is_told_what_waits_for_how_long_and_what_was_given_up():
    make_endpoint()
    make_endpoint(name="idle")
    leave(3)
    WebhookDelivery.objects.filter(endpoint__name="idle").delete()
    first, second, third = WebhookDelivery.objects.order_by("id")
    WebhookDelivery.objects.filter(id=first.id).update(state="failed")
    WebhookDelivery.objects.filter(id=second.id).update(give_up_at=now() + PATIENCE - HOUR)
    WebhookDelivery.objects.filter(id=third.id).update(give_up_at=now() + PATIENCE)

    assert sample("fraud_webhooks_waiting", "shop") == 2
    assert 3600 <= sample("fraud_webhooks_oldest_seconds", "shop") < 3660
    assert sample("fraud_webhooks_failed", "shop") == 1
    for name in ("waiting", "oldest_seconds", "failed"):
        assert sample(f"fraud_webhooks_{name}", "idle") == 0


@pytest.mark.parametrize("url", ["/metrics", "/admin/scoring/webhookendpoint/"])
def test_what_was_delivered_is_not_counted_over(admin_client, settings, url):
    settings.METRICS_ARE_OPEN = True
    make_endpoint()
    leave(3)

    with CaptureQueriesContext(connection) as seen:
        assert admin_client.get(url).status_code == 200

    asked = [query["sql"] for query in seen if "scoring_webhookdelivery" in query["sql"]]
    assert asked
    with connection.cursor() as cursor:
        # So few rows are read whole whatever there is; then only what no index is fit for.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for sql in asked:
            cursor.execute(f"EXPLAIN {sql}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert re.search("webhook_(to_send|failed)", plan), plan
            assert "Seq Scan on scoring_webhookdelivery" not in plan


def test_the_list_of_endpoints_tells_what_waits_for_each(admin_client):
    make_endpoint()
    make_endpoint(name="idle")
    leave(3)
    WebhookDelivery.objects.filter(endpoint__name="idle").update(state="failed")

    page = admin_client.get("/admin/scoring/webhookendpoint/").content.decode()

    assert re.findall('field-waiting">(.+?)<', page) == ["0", "3"]


def test_the_figures_are_among_the_metrics(client, settings):
    settings.METRICS_ARE_OPEN = True
    make_endpoint(name='a "b"')

    assert b'fraud_webhooks_waiting{endpoint="a \\"b\\""} 0.0' in client.get("/metrics").content


# --- the ledger ----------------------------------------------------------------------------------------------------


def test_the_ledger_holds_when_every_endpoint_was_told():
    make_endpoint()
    WebhookEndpoint.objects.update(active_since=now() - DAY)
    decide_at(now())

    assert faults() == []


def test_a_message_that_is_missing_is_found():
    make_endpoint()
    name = decide_at(NOON + HOUR)
    WebhookDelivery.objects.all().delete()

    assert faults() == [f"webhook shop was not told what a verdict says of {name}"]
    assert faults(until=NOON) == faults(since=NOON + DAY) == []


def test_a_message_of_the_clock_that_is_missing_is_found():
    make_endpoint()
    WebhookEndpoint.objects.update(active_since=now() - DAY)
    queue = make_queue(on_timeout="decide", default_verdict="legitimate")
    held, declined = make_decision(), make_decision(outcome="decline")
    make_case(queue=queue, decisions=[held, declined], due_at=now() - HOUR)
    deadlines.watch_deadlines(now=now())
    assert faults() == []

    WebhookDelivery.objects.all().delete()

    assert faults() == [f"webhook shop was not told what the clock says of {held.transaction_id}"]
    assert faults(until=now() - HOUR) == []


def test_an_endpoint_need_not_know_what_was_decided_before_it_was_there_or_while_it_was_off():
    decide_at(NOON - HOUR)
    disable_endpoint(make_endpoint(name="off"), reason="moved")
    make_endpoint()

    assert faults() == []


def test_messages_that_nobody_sends_are_found():
    endpoint, _ = create_endpoint(name="shop", url="https://shop.example/", author=None, now=now() - HOUR)
    send_test(endpoint, now=now() - 5 * MINUTE)

    assert faults() == ["1 webhook messages are due for more than a minute and nobody sends them"]
    assert "B" in broken()


def test_messages_that_are_being_sent_or_wait_for_their_next_try_are_in_order():
    endpoint, _ = create_endpoint(name="shop", url="https://shop.example/", author=None, now=now() - HOUR)
    send_test(endpoint, now=now() - 5 * MINUTE)
    claim_due(now=now() - timedelta(seconds=30), room=1)
    send_test(endpoint, now=now())

    assert faults() == []
