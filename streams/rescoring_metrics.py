"""What was scored again and what waits for it, for Prometheus, as the record says it. The names are a contract."""

from collections.abc import Iterator

from django.db.models import Count, F
from django.db.models.functions import Now
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from scoring.models import Outcome, Rescoring, RescoringDue

# Where there never is a model every decision waits for one: nobody needs to know how many millions.
MOST_COUNTED = 100_000


class RescoringCollector(Collector):
    """Rescorings by outcome, how many decisions wait and for how long."""

    def collect(self) -> Iterator[Metric]:
        yield from [_done(), *_waiting()]


def _done() -> Metric:
    done = CounterMetricFamily("fraud_rescored", "Degraded decisions scored again", labels=["outcome"])
    counts = dict(Rescoring.objects.values_list("outcome").annotate(Count("pk")))
    for outcome in Outcome.values:
        done.add_metric([outcome], counts.get(outcome, 0))
    return done


def _waiting() -> list[Metric]:
    waiting = GaugeMetricFamily(
        "fraud_rescoring_waiting", f"Degraded decisions to be scored again, at most {MOST_COUNTED}"
    )
    waiting.add_metric([], RescoringDue.objects.values("pk")[:MOST_COUNTED].count())
    oldest = GaugeMetricFamily("fraud_rescoring_oldest_seconds", "How long the oldest of them waits")
    first = RescoringDue.objects.order_by("created_at").annotate(age=Now() - F("created_at")).first()
    oldest.add_metric([], first.age.total_seconds() if first is not None else 0.0)
    return [waiting, oldest]
