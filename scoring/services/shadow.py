"""Versions in shadow: what each would have decided of the payments that are decided, without any effect."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache

import msgspec
import numpy as np
from django.db import DatabaseError, connection

from scoring.decisioning import Judged, PolicyInForce, codes_met, judge
from scoring.features.definitions import NAMES, VERSION
from scoring.models import Policy, ShadowChange
from scoring.rules.evaluation import Batch
from scoring.services.list_history import ListHistory
from scoring.services.outbox import array_of
from scoring.services.policy import IN_SHADOW, compile_policy
from scoring.transaction import Transaction

logger = logging.getLogger(__name__)

PAYMENTS_AT_ONCE = 500
# Of a version, the newest: enough to look for examples in and to hold against labels. Its figures know all.
CHANGES_KEPT = 20_000
# Stands where a rule's code would: payments that the version as a whole could not judge.
NOT_JUDGED = ""

_VECTOR_BYTES = 4 * len(NAMES)
_DECIDED = """
SELECT id, outcome, score, anomaly_score, decided_at, record::text, features, feature_version
FROM scoring_decision WHERE id = ANY(%s::bigint[]) ORDER BY id
"""
_ADD_FIGURES = """
INSERT INTO scoring_shadowfigures AS known (policy_id, day, currency, outcome, shadow_outcome, payments, amount)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (policy_id, day, currency, outcome, shadow_outcome)
DO UPDATE SET payments = known.payments + EXCLUDED.payments, amount = known.amount + EXCLUDED.amount
"""
_ADD_RULE_FIGURES = """
INSERT INTO scoring_shadowrulefigures AS known (policy_id, day, code, hits, failures)
VALUES (%s, %s, %s, %s, %s) ON CONFLICT (policy_id, day, code)
DO UPDATE SET hits = known.hits + EXCLUDED.hits, failures = known.failures + EXCLUDED.failures
"""
_TRIM = """
DELETE FROM scoring_shadowchange WHERE policy_id = %s AND decision_id <= (
  SELECT decision_id FROM scoring_shadowchange WHERE policy_id = %s ORDER BY decision_id DESC OFFSET %s LIMIT 1)
"""
_decoder = msgspec.json.Decoder(Transaction)


class _Decided(msgspec.Struct, frozen=True):
    """A decision as it is recorded. `vector`: float32 of the present table."""

    id: int
    outcome: str
    score: float | None
    anomaly_score: float | None
    decided_at: datetime
    transaction: Transaction
    vector: bytes

    @property
    def day(self) -> date:
        return self.decided_at.astimezone(UTC).date()


@dataclass
class _Payments:
    """Some recorded decisions, and the days of those that cannot be read."""

    decided: list[_Decided] = field(default_factory=list)
    unreadable: list[tuple[int, datetime]] = field(default_factory=list)

    def batch(self) -> Batch:
        """As the engine takes them: with the vectors and scores of then, and the lists as they stood."""
        payments = [one.transaction for one in self.decided]
        history = ListHistory(payments)
        listed = {row: met for row, one in enumerate(self.decided)
                  if (met := history.hits(one.transaction, at=one.decided_at))}  # fmt: skip
        vectors = np.frombuffer(b"".join(one.vector for one in self.decided), np.float32).reshape(-1, len(NAMES))
        # None becomes NaN.
        scores = np.array([one.score for one in self.decided], np.float64)
        anomalies = np.array([one.anomaly_score for one in self.decided], np.float64)
        at = [one.decided_at for one in self.decided]
        return Batch(payments, vectors, scores, listed=listed, at=at, anomalies=anomalies)


@dataclass
class _Tally:
    """A version in shadow since a time, and what is to be added to its figures."""

    version: Policy
    since: datetime
    payments: Counter[tuple[date, str, str, str]] = field(default_factory=Counter)
    amounts: dict[tuple[date, str, str, str], Decimal] = field(default_factory=dict)
    hits: Counter[tuple[date, str]] = field(default_factory=Counter)
    failures: Counter[tuple[date, str]] = field(default_factory=Counter)
    changes: list[ShadowChange] = field(default_factory=list)

    def look_at(self, payments: _Payments, batch: Batch) -> None:
        """Judge them. Whatever is wrong with the version is counted, and does not hold up the others."""
        for _, decided_at in payments.unreadable:
            self.failures[decided_at.astimezone(UTC).date(), NOT_JUDGED] += decided_at >= self.since
        rows = [row for row, one in enumerate(payments.decided) if one.decided_at >= self.since]
        if not rows:
            return
        try:
            policy = _compiled(self.version.id)
            judged = judge(batch, policy)
        except DatabaseError:
            raise
        except Exception:
            logger.exception("version %s, in shadow, could not judge %s payments", self.version.version, len(rows))
            self.failures.update((payments.decided[row].day, NOT_JUDGED) for row in rows)
            return
        self._count(payments.decided, rows, judged, policy)
        self._note_changes(payments.decided, rows, judged, policy, batch)

    def _count(self, decided: Sequence[_Decided], rows: Sequence[int], judged: Judged, policy: PolicyInForce) -> None:
        outcomes = judged.outcomes
        for row in rows:
            one = decided[row]
            cell = (one.day, one.transaction.currency, one.outcome, outcomes[row])
            self.payments[cell] += 1
            self.amounts[cell] = self.amounts.get(cell, Decimal(0)) + one.transaction.amount
        for found, counts in ((judged.hits, self.hits), (judged.failed, self.failures)):
            for row, rule in np.argwhere(found[rows]).tolist():
                counts[decided[rows[row]].day, policy.rules[rule].code] += 1

    def _note_changes(
        self, decided: Sequence[_Decided], rows: Sequence[int], judged: Judged, policy: PolicyInForce, batch: Batch
    ) -> None:
        outcomes = judged.outcomes
        changed = [row for row in rows if outcomes[row] != decided[row].outcome]
        listed = {place: batch.listed[row] for place, row in enumerate(changed) if row in batch.listed}
        codes = codes_met(policy, judged.hits[changed], listed)
        self.changes.extend(
            ShadowChange(
                policy_id=self.version.id, decision_id=decided[row].id, outcome=outcomes[row],
                rule_hits=codes.get(place, []),
            )
            for place, row in enumerate(changed)
        )  # fmt: skip


def judge_in_shadow(decision_ids: Sequence[int]) -> None:
    """Add decisions to the figures of the versions that are in shadow now, each to those that were when it was decided.

    A version that has left the shadow since is not asked any more. Must run in the transaction that takes the decisions
    off the outbox: so each counts once.
    """
    versions = Policy.objects.filter(status__in=IN_SHADOW).order_by("version")
    tallies = [_Tally(version, in_shadow_since(version)) for version in versions]
    if not tallies:
        return
    for start in range(0, len(decision_ids), PAYMENTS_AT_ONCE):
        payments = _recorded(decision_ids[start : start + PAYMENTS_AT_ONCE])
        batch = payments.batch()
        for tally in tallies:
            tally.look_at(payments, batch)
    _write(tallies)


def in_shadow_since(version: Policy) -> datetime:
    """From when on the payments of a version that is tried on live ones are counted: one proposed at once, since then.

    Who decides hears of it up to two seconds later; payments of that time are missing.
    """
    return version.shadow_since or version.proposed_at or version.created_at


@lru_cache(maxsize=32)
def _compiled(policy_id: int) -> PolicyInForce:
    """What is no draft any more does not change."""
    return compile_policy(Policy.objects.get(id=policy_id))


def _recorded(decision_ids: Sequence[int]) -> _Payments:
    found = _Payments()
    with connection.cursor() as cursor:
        cursor.execute(_DECIDED, [array_of(decision_ids)])
        for decision_id, outcome, score, strange, decided_at, record, vector, feature_version in cursor.fetchall():
            payment = _payment(record) if (feature_version, len(vector)) == (VERSION, _VECTOR_BYTES) else None
            if payment is None:
                # Of a process of another release, or changed by hand.
                found.unreadable.append((decision_id, decided_at))
            else:
                found.decided.append(_Decided(decision_id, outcome, score, strange, decided_at, payment, bytes(vector)))
    if found.unreadable:
        logger.warning("decisions %s cannot be judged in shadow", [decision_id for decision_id, _ in found.unreadable])
    return found


def _payment(record: str) -> Transaction | None:
    try:
        return _decoder.decode(record)
    except msgspec.MsgspecError:
        return None


def _write(tallies: Sequence[_Tally]) -> None:
    """Add what was found, in one order whoever writes: two that add to the same figures wait and do not deadlock."""
    figures, rules = [], []
    for tally in tallies:
        version, counts, amounts = tally.version.id, tally.payments, tally.amounts
        figures += [(version, *cell, counts[cell], amounts[cell]) for cell in sorted(counts)]
        keys = sorted(key for key in {*tally.hits, *tally.failures} if tally.hits[key] or tally.failures[key])
        rules += [(version, *key, tally.hits[key], tally.failures[key]) for key in keys]
    with connection.cursor() as cursor:
        cursor.executemany(_ADD_FIGURES, figures)
        cursor.executemany(_ADD_RULE_FIGURES, rules)
    ShadowChange.objects.bulk_create((change for tally in tallies for change in tally.changes), batch_size=1000)


def trim_changes() -> int:
    """Forget the oldest changed payments of versions that have more than CHANGES_KEPT; how many. Safe to run twice."""
    versions = ShadowChange.objects.order_by().values_list("policy_id", flat=True).distinct()
    removed = 0
    with connection.cursor() as cursor:
        for policy_id in list(versions):
            cursor.execute(_TRIM, [policy_id, policy_id, CHANGES_KEPT])
            removed += cursor.rowcount
    return removed
