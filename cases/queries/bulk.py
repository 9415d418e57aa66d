"""What a selection of cases has in common, for one verdict on all of them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Max, Min, QuerySet
from django.db.models.fields.json import KT

from cases import money, words
from cases.models import Case
from cases.services import approvals
from cases.services.verdict_lists import blocks_of
from cases.services.verdict_payments import NO_LABEL, Judged
from cases.sight import Sight
from scoring.models import Decision, Outcome


@dataclass(frozen=True)
class Selection:
    """The open cases among those chosen, most at stake first, and what their payments share.

    `shared` and `differing` are in words; `stakes` and `amounts` stand by currency. `hidden`: somebody's scores wait
    for the verdict, so there are no stakes, and the order is by amount. `held`: payments that wait for our word.
    `to_approve`: verdict -> how many of the cases a second person would have to approve. `blocked`: cases whose card an
    earlier verdict on them has blocked.
    """

    cases: list[Case]
    closed: list[Case]
    payments: int
    stakes: list[str]
    amounts: list[str]
    shared: list[str]
    differing: list[str]
    hidden: bool
    held: int
    to_approve: dict[str, int]
    blocked: int

    @property
    def is_mixed(self) -> bool:
        return len(self.cases) > 1 and not self.shared


@dataclass(frozen=True)
class _Tie:
    """How many values a column has over the payments, and one of them as it is shown; empty for none."""

    title: str
    values: int
    value: str


def selection_of(cases: Sequence[Case], *, sight: Sight) -> Selection:
    """Five queries, however many cases and payments."""
    hidden = any(sight.hides_score(case.id, case.status) for case in cases)
    opened = [case for case in cases if case.status == Case.Status.OPEN]
    opened.sort(key=lambda case: -(case.amount if hidden else case.stake))
    payments = Decision.objects.filter(alert__case__in=[case.id for case in opened])
    ties = _ties(payments, _PLAIN_TIES if hidden else _TIES) if opened else []
    return Selection(
        cases=opened,
        closed=[case for case in cases if case.status != Case.Status.OPEN],
        payments=sum(case.alert_count for case in opened),
        stakes=[] if hidden else _stakes(opened),
        amounts=_amounts(payments) if opened else [],
        shared=[f"{tie.title} {tie.value}" for tie in ties if tie.values == 1 and tie.value],
        differing=[words.count(tie.values, tie.title) for tie in ties if tie.values > 1],
        hidden=hidden,
        held=payments.filter(outcome=Outcome.REVIEW).count() if opened else 0,
        to_approve=_to_approve(payments) if opened else {},
        blocked=blocks_of(opened).count(),
    )


def _to_approve(payments: QuerySet[Decision]) -> dict[str, int]:
    known = approvals.limits()
    if not known:
        return {}
    of_case: dict[UUID, list[Decision]] = defaultdict(list)
    for payment in payments.only("amount", "currency").annotate(case_id=F("alert__case_id")):
        of_case[payment.case_id].append(payment)
    labels = {said: NO_LABEL if said == Case.Verdict.INCONCLUSIVE else said for said in Case.Verdict.values}
    return {
        said: sum(approvals.is_needed(said, [Judged(one, label) for one in each], known) for each in of_case.values())
        for said, label in labels.items()
    }


# Title, and the column that payments may share.
_PLAIN_TIES: dict[str, Any] = {
    "merchant": F("merchant_id"),
    "device": F("device_id"),
    "customer": F("customer_id"),
}
_TIES = {**_PLAIN_TIES, "first reason": KT("reasons__0__code")}


def _ties(payments: QuerySet[Decision], columns: dict[str, Any]) -> list[_Tie]:
    counts = {f"values_{n}": Count(column, distinct=True) for n, column in enumerate(columns.values())}
    least = {f"least_{n}": Min(column) for n, column in enumerate(columns.values())}
    found = payments.aggregate(**counts, **least, shop=Min("merchant_name"))
    shown = {"merchant": found["shop"] or found["least_0"], "device": words.ending(found["least_1"] or "")}
    return [
        _Tie(title, found[f"values_{n}"], found[f"least_{n}"] and shown.get(title, found[f"least_{n}"]))
        for n, title in enumerate(columns)
    ]


def _stakes(cases: Sequence[Case]) -> list[str]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for case in cases:
        sums[case.currency] += case.stake
    return [f"{stake:,.0f} {currency}" for currency, stake in sums.items()]


def _amounts(payments: QuerySet[Decision]) -> list[str]:
    ranges = payments.values("currency").annotate(least=Min("amount"), most=Max("amount")).order_by("currency")
    return [_range_words(row["least"], row["most"], row["currency"]) for row in ranges]


def _range_words(least: Decimal, most: Decimal, currency: str) -> str:
    low, high = money.shown(least, currency), money.shown(most, currency)
    return f"{low} {currency}" if low == high else f"{low} to {high} {currency}"
