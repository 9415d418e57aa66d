"""How webhooks are doing, for Prometheus, as the record says it. The names are a contract."""

from collections.abc import Iterator

from django.db import DatabaseError, InterfaceError
from django.db.models import Count, Min, Q
from django.utils.timezone import now
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from scoring.models import WebhookDelivery, WebhookEndpoint
from scoring.services.webhooks import PATIENCE

_WAITING = Q(deliveries__state=WebhookDelivery.State.WAITING)
_FAILED = Q(deliveries__state=WebhookDelivery.State.FAILED)


class WebhookCollector(Collector):
    """What waits for each endpoint, for how long, and what was given up. Nothing while PostgreSQL is away."""

    def collect(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily("fraud_webhooks_waiting", "Messages not delivered yet", labels=["endpoint"])
        oldest = GaugeMetricFamily(
            "fraud_webhooks_oldest_seconds", "For how long the oldest of them is tried", labels=["endpoint"]
        )
        failed = GaugeMetricFamily("fraud_webhooks_failed", "Messages given up", labels=["endpoint"])
        at = now()
        counted = WebhookEndpoint.objects.annotate(
            waiting=Count("deliveries", filter=_WAITING),
            first=Min("deliveries__give_up_at", filter=_WAITING),
            failed=Count("deliveries", filter=_FAILED),
        )
        try:
            rows = list(counted.order_by("id").values_list("name", "waiting", "first", "failed"))
        except (DatabaseError, InterfaceError):
            return
        for name, count, first, given_up in rows:
            waiting.add_metric([name], count)
            oldest.add_metric([name], (at - (first - PATIENCE)).total_seconds() if first else 0.0)
            failed.add_metric([name], given_up)
        yield from (waiting, oldest, failed)
