"""What cases turned out to be, and the known ones that reviewers are tried on."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import CharField, Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from cases.models import Case, Check, FirstVerdict, KnownCase
from cases.services.checks import WAITS_AT_MOST
from cases.services.traces import record_change
from scoring.queries_labels import believed

# As far back as cases are looked at: chargebacks come within 120 days, some later.
LOOK_BACK = timedelta(days=180)
# Waiting at a time, of frauds and of legitimate ones each: half and half, or "odd case" would mean "fraud".
WAITING_EACH = 5
_AT_REST = Q(kind=Check.Kind.KNOWN, decided_at=None, analyst=None)

# Of each payment what is believed of those outside; a case is fraud when one of its payments is, and legitimate
# when all are. An analyst's later label that differs corrects the first verdict.
_COLLECT = f"""
WITH recent AS (
    SELECT f.case_id, f.verdict, f.decided_at, c.alert_count FROM cases_firstverdict f
    JOIN cases_case c ON c.id = f.case_id WHERE f.decided_at >= %(since)s
), outside AS (
    SELECT r.case_id, r.alert_count, l.label FROM recent r
    JOIN cases_alert a ON a.case_id = r.case_id
    CROSS JOIN LATERAL ({believed("label.decision_id = a.decision_id AND label.source <> 'analyst'")}) l
), truths AS (
    SELECT case_id, CASE WHEN bool_or(label = 'fraud') THEN 'fraud'
        WHEN count(*) >= min(alert_count) THEN 'legitimate' ELSE '' END AS truth
    FROM outside GROUP BY case_id
), corrected AS (
    SELECT DISTINCT r.case_id FROM recent r
    JOIN cases_alert a ON a.case_id = r.case_id
    JOIN scoring_label l ON l.decision_id = a.decision_id AND l.source = 'analyst'
    WHERE l.known_at > r.decided_at AND l.label NOT IN (r.verdict, 'withdrawn') AND r.verdict <> 'inconclusive'
), found AS (
    SELECT r.case_id, coalesce(t.truth, '') AS truth, c.case_id IS NOT NULL AS is_corrected FROM recent r
    LEFT JOIN truths t ON t.case_id = r.case_id LEFT JOIN corrected c ON c.case_id = r.case_id
)
UPDATE cases_firstverdict f SET truth = found.truth, is_corrected = found.is_corrected FROM found
WHERE f.case_id = found.case_id AND (f.truth, f.is_corrected) IS DISTINCT FROM (found.truth, found.is_corrected)
"""  # noqa: S608 - constants only


class NotDecidedError(Exception):
    """Only a decided case can be a known one; nothing changed."""


def collect_truths(*, now: datetime) -> int:
    """Bring what has become known since to the first verdicts. Returns how many changed. Safe to run twice."""
    with connection.cursor() as cursor:
        cursor.execute(_COLLECT, {"since": now - LOOK_BACK})
        changed: int = cursor.rowcount
    return changed


@transaction.atomic
def refill(*, now: datetime) -> int:
    """Keep some known cases waiting to be slipped in. Returns how many were added. Safe to run twice.

    Those that were tried least come first, then the newest.
    """
    added = 0
    Check.objects.filter(_AT_REST, made_at__lte=now - WAITS_AT_MOST).delete()
    for truth in (Case.Verdict.FRAUD.value, Case.Verdict.LEGITIMATE.value):
        missing = WAITING_EACH - Check.objects.filter(_AT_REST, expected=truth).count()
        for case in _known_cases(truth, now=now)[: max(0, missing)]:
            added += _add(case, truth=truth, now=now)
    return added


def _known_cases(truth: str, *, now: datetime) -> QuerySet[Case]:
    """Decided cases of which the truth is known: what somebody marked goes before what labels say."""
    waits = Check.objects.filter(case=OuterRef("pk"), kind=Check.Kind.KNOWN, decided_at=None)
    of_labels = Q(first_verdict__decided_at__gte=now - LOOK_BACK) & ~Q(first_verdict__truth="")
    cases = Case.objects.filter(Q(known__isnull=False) | of_labels, ~Exists(waits), status=Case.Status.DECIDED)
    told = Coalesce(F("known__truth"), F("first_verdict__truth"), output_field=CharField())
    tried = Count("checks", filter=Q(checks__kind=Check.Kind.KNOWN))
    cases = cases.annotate(told=told, tried=tried).filter(told=truth)
    return cases.select_related("first_verdict").order_by("tried", "-decided_at")


def _add(case: Case, *, truth: str, now: datetime) -> int:
    first = FirstVerdict.objects.filter(case=case).first()
    check = Check(
        case=case,
        kind=Check.Kind.KNOWN,
        expected=truth,
        first_analyst=first.analyst if first else None,
        as_of=first.decided_at if first else case.decided_at or now,
        made_at=now,
    )
    return len(Check.objects.bulk_create([check], ignore_conflicts=True))


@transaction.atomic
def mark(*, case: Case, truth: str, reason: str, actor: User, now: datetime) -> None:
    """Say what a decided case was, for reviewers to be tried on. A second mark takes the place of the first.

    Raises:
        NotDecidedError: it is open.
    """
    if not Case.objects.filter(id=case.id, status=Case.Status.DECIDED).exists():
        raise NotDecidedError(case.id)
    values = {"truth": truth, "reason": reason, "marked_by": actor, "marked_at": now}
    KnownCase.objects.update_or_create(case=case, defaults=values)
    Check.objects.filter(_AT_REST, case=case).delete()
    _add(case, truth=truth, now=now)
    record_change(case, actor=actor, text=f"Marked as known: {truth}, {reason}")


@transaction.atomic
def unmark(*, case: Case, actor: User) -> None:
    """Take the mark away; what reviewers said stays. Twice changes nothing."""
    removed, _ = KnownCase.objects.filter(case=case).delete()
    if removed:
        record_change(case, actor=actor, text="Known no more")
    Check.objects.filter(_AT_REST, case=case).delete()
