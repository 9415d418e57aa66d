"""Backtests as pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import F, Func, JSONField, QuerySet, TextField, Value
from django.db.models.functions import Cast

from cases.models import Alert, Case
from cases.queries.queues import Desk
from scoring.models import Backtest, Policy

SHOWN = 50
# A whole result is a hundred times as long. Taken apart in one go: the database unpacks it once for each part named.
_LONG = ["rules", "examples", "changes", "days", "overlap", "outcomes"]
_OUTLINE: Func = Func(
    F("result"),
    Cast(Value(_LONG, output_field=ArrayField(TextField())), ArrayField(TextField())),
    template="(%(expressions)s)",
    arg_joiner=" - ",
    output_field=JSONField(),
)


@dataclass(frozen=True)
class Row:
    """A backtest, and of its result what one line says."""

    backtest: Backtest
    outline: Mapping[str, Any] | None


def latest_backtests() -> list[Row]:
    """The SHOWN newest. One query."""
    return _rows(Backtest.objects.all())


def backtests_of(policy: Policy) -> list[Row]:
    """Those of one version, the newest first. One query."""
    return _rows(Backtest.objects.filter(policy=policy))


def _rows(backtests: "QuerySet[Backtest]") -> list[Row]:
    found = (
        backtests.select_related("policy", "baseline", "requested_by")
        .defer("result")
        .annotate(outline=_OUTLINE)
        .order_by("-id")[:SHOWN]
    )
    return [Row(one, one.outline) for one in found]


def whole_backtest(backtest_id: int) -> Backtest | None:
    """One with its result."""
    people = ("requested_by", "cancelled_by")
    return Backtest.objects.select_related("policy", "baseline", *people).filter(id=backtest_id).first()


def last_capacity() -> int | None:
    """What was said of the team the last time."""
    return Backtest.objects.order_by("-id").values_list("capacity", flat=True).first()


def waiting_before(backtest: Backtest) -> int:
    """How many backtests come first."""
    is_open = (Backtest.Status.WAITING, Backtest.Status.RUNNING)
    return Backtest.objects.filter(id__lt=backtest.id, status__in=is_open).count()


def cases_of(decision_ids: Sequence[int], *, desk: Desk) -> dict[int, Case]:
    """Decision -> its case (id and status only), where it has one that the person sees. One query."""
    alerts = Alert.objects.filter(desk.visible("case__queue"), decision_id__in=decision_ids)
    rows = alerts.values_list("decision_id", "case_id", "case__status")
    return {decision: Case(id=case, status=status) for decision, case, status in rows}
