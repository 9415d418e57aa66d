"""How the desk is doing, for Prometheus, as the record says it. The names are a contract."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, Q
from django.db.models.functions import Now
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from cases.models import Case, Queue, RuleAlarm, Verdict
from scoring.models import DriftAlarm, DriftReport

# The task worker looks each second, and the clock every ten.
_SETTLED_WITHIN = timedelta(minutes=1)


class CaseCollector(Collector):
    """Open cases of each queue, those over their time, verdicts that should have taken effect, alarms, drift."""

    def collect(self) -> Iterator[Metric]:
        yield from [*_of_queues(), _of_verdicts(), _of_rules(), *_of_drift()]


def _of_queues() -> list[Metric]:
    waiting = GaugeMetricFamily("fraud_cases_open", "Cases waiting for a verdict", labels=["queue"])
    overdue = GaugeMetricFamily("fraud_cases_overdue", "Open cases past their time", labels=["queue"])
    # Counted over the index of due times alone.
    cases = Case.objects.filter(status=Case.Status.OPEN).values("queue").order_by()
    counts = cases.annotate(open=Count("due_at"), over=Count("due_at", filter=Q(due_at__lte=Now())))
    found = {row["queue"]: row for row in counts}
    for queue_id, slug in Queue.objects.order_by("id").values_list("id", "slug"):
        row = found.get(queue_id, {"open": 0, "over": 0})
        waiting.add_metric([slug], row["open"])
        overdue.add_metric([slug], row["over"])
    return [waiting, overdue]


def _of_verdicts() -> Metric:
    """Above 0 the task worker is away, or a verdict's effects fail: the log says which and why."""
    late = Verdict.objects.filter(state=Verdict.State.WAITING, effects_at__lt=Now() - _SETTLED_WITHIN)
    overdue = GaugeMetricFamily("fraud_verdicts_overdue", "Verdicts that should have taken effect a minute ago")
    overdue.add_metric([], late.count())
    return overdue


def _of_rules() -> Metric:
    open_alarms = RuleAlarm.objects.filter(closed_at=None).order_by().values_list("kind")
    found = dict(open_alarms.annotate(number=Count("id")))
    alarms = GaugeMetricFamily("fraud_rule_alarms", "Open alarms about rules and lists", labels=["kind"])
    for kind in RuleAlarm.Kind.values:
        alarms.add_metric([kind], found.get(kind, 0))
    return alarms


def _of_drift() -> list[Metric]:
    """Alarms of the champion, and when its drift was last measured: a report that is days old is news as well."""
    alarms = GaugeMetricFamily("fraud_drift_alarms", "Open alarms that payments are not as in training")
    alarms.add_metric([], DriftAlarm.objects.filter(closed_at=None).count())
    newest = DriftReport.objects.order_by("-made_at").values_list("made_at", flat=True).first()
    reported = GaugeMetricFamily("fraud_drift_report_timestamp_seconds", "When drift was last measured; 0 for never")
    reported.add_metric([], newest.timestamp() if newest else 0.0)
    return [alarms, reported]
