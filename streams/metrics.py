"""How the streams are doing, for Prometheus, as the record says it.

Workers leave what they see in PostgreSQL with each renewal of their leases, and dead letters are rows. So any web
process answers for all workers on all machines, and a worker needs no port of its own. The names are a contract.
"""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Max, Q, Sum
from django.db.models.functions import Now
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from streams.models import DeadLetter, StreamProgress, StreamWorker
from streams.source import LABELS, TRANSACTIONS

STREAMS = (TRANSACTIONS, LABELS)


class StreamCollector(Collector):
    """Workers, partitions, lag and dead letters of each stream."""

    def collect(self) -> Iterator[Metric]:
        yield from [*_of_workers(), _of_dead_letters()]


def _of_workers() -> list[Metric]:
    workers = GaugeMetricFamily("fraud_stream_workers", "Live workers of the stream", labels=["stream"])
    lag = GaugeMetricFamily("fraud_stream_lag_records", "Records not read yet", labels=["stream"])
    oldest = GaugeMetricFamily(
        "fraud_stream_oldest_seconds", "Age of the oldest record of the last batches", labels=["stream"]
    )
    unread = GaugeMetricFamily(
        "fraud_stream_unread_partitions",
        "Partitions left to read that no live worker holds, with those that vanished before they were read",
        labels=["stream"],
    )
    live = StreamWorker.objects.filter(seen_at__gte=Now() - timedelta(seconds=settings.STREAM_LEASE_SECONDS))
    nobodys = StreamProgress.objects.filter(Q(owner="") | Q(lease_until__lt=Now()), finished_at=None)
    for stream in STREAMS:
        left = nobodys.filter(stream=stream).count()
        unread.add_metric([stream], left)
        seen = live.filter(stream=stream).aggregate(Count("id"), Sum("lag_records"), Max("oldest_seconds"))
        workers.add_metric([stream], seen["id__count"])
        # Of what has no reader nobody knows, and a broker may not say: then there is no figure rather than a wrong one.
        if seen["lag_records__sum"] is not None and not left:
            lag.add_metric([stream], seen["lag_records__sum"])
        if seen["oldest_seconds__max"] is not None:
            oldest.add_metric([stream], seen["oldest_seconds__max"])
    return [workers, unread, lag, oldest]


def _of_dead_letters() -> Metric:
    letters = CounterMetricFamily("fraud_dead_letters", "Records refused", labels=["stream"])
    counts = dict(DeadLetter.objects.values_list("stream").annotate(Count("id")))
    for stream in STREAMS:
        letters.add_metric([stream], counts.get(stream, 0))
    return letters
