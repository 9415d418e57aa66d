"""How webhooks are doing, for Prometheus, as the record says it. The names are a contract."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Min
from django.utils.timezone import now
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from scoring.models import WebhookDelivery, WebhookEndpoint
from scoring.services.webhooks import PATIENCE


class WebhookCollector(Collector):
    """What waits for each endpoint, for how long, and what was given up."""

    def collect(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily("fraud_webhooks_waiting", "Messages not delivered yet", labels=["endpoint"])
        oldest = GaugeMetricFamily(
            "fraud_webhooks_oldest_seconds", "For how long the oldest of them is tried", labels=["endpoint"]
        )
        failed = GaugeMetricFamily("fraud_webhooks_failed", "Messages given up", labels=["endpoint"])
        at = now()
        tried, given_up = _tried_since(), _given_up()
        for endpoint_id, name in WebhookEndpoint.objects.order_by("id").values_list("id", "name"):
            count, since = tried.get(endpoint_id, (0, at))
            waiting.add_metric([name], count)
            oldest.add_metric([name], (at - since).total_seconds())
            failed.add_metric([name], given_up.get(endpoint_id, 0))
        yield from (waiting, oldest, failed)


# By state, each from its index: what was delivered stays for ever and is never looked at.
def _tried_since() -> dict[int, tuple[int, datetime]]:
    """How many messages wait for an endpoint, and since when the oldest is tried."""
    waiting = WebhookDelivery.objects.filter(state=WebhookDelivery.State.WAITING).values_list("endpoint").order_by()
    counted = waiting.annotate(Count("id"), Min("give_up_at"))
    return {endpoint_id: (count, first - PATIENCE) for endpoint_id, count, first in counted}


def _given_up() -> dict[int, int]:
    failed = WebhookDelivery.objects.filter(state=WebhookDelivery.State.FAILED).values_list("endpoint").order_by()
    return dict(failed.annotate(Count("id")))
