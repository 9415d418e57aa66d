"""What an import reads and writes in the record: payments already there, labels in bulk, frauds not yet learnt."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush

import msgspec
from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from scoring.importing.rows import Statement
from scoring.models import Label
from scoring.services.features import FRAUD_FIELDS, KnownFraud, fraud_event
from scoring.transaction import Transaction

_decoder = msgspec.json.Decoder(Transaction)


class LabelsAppliedElsewhereError(Exception):
    """Another process taught the features frauds of this import meanwhile. The batch was not written."""


def stored_transactions(transaction_ids: Sequence[str]) -> dict[str, Transaction]:
    """Payments decided before, by id. Reads nothing else of their decisions: a second run is mostly this."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT transaction_id, record::text FROM scoring_decision WHERE transaction_id = ANY(%s)",
            [list(transaction_ids)],
        )
        return {name: _decoder.decode(record) for name, record in cursor.fetchall()}


# Decisions of this very transaction are found too. A statement made twice is one row.
_WRITE_STATEMENTS = """
WITH written AS (
  INSERT INTO scoring_label (decision_id, label, source, known_at, asserted_at, reason, note, applied_at)
  SELECT decision.id, said.label, %s, said.known_at, said.asserted_at, said.reason, '',
    CASE WHEN said.label = 'fraud' THEN NULL ELSE now() END
  FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[])
    AS said (transaction_id, label, known_at, asserted_at, reason)
  JOIN scoring_decision AS decision ON decision.transaction_id = said.transaction_id
  ON CONFLICT DO NOTHING RETURNING id, label
)
SELECT count(*), coalesce(array_agg(id) FILTER (WHERE label = 'fraud'), '{}') FROM written
"""


@dataclass(frozen=True)
class NewLabels:
    """Statements that the ledger did not have: how many, and the ids of those that say fraud."""

    count: int = 0
    fraud_ids: Sequence[int] = ()


def write_statements(statements: Sequence[tuple[str, Statement]], *, source: str) -> NewLabels:
    """Add statements on decided payments to the ledger, inside the caller's transaction."""
    if not statements:
        return NewLabels()
    rows = [(name, said.label, said.known_at, said.asserted_at, said.reason) for name, said in statements]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_STATEMENTS, [source, *map(list, zip(*rows, strict=True))])
        return NewLabels(*cursor.fetchone())


class PendingFrauds:
    """Frauds to be learnt once the file reaches the time they became known."""

    def __init__(self, frauds: Iterable[KnownFraud]) -> None:
        self._heap: list[tuple[datetime, int, KnownFraud]] = []
        self.add(frauds)

    def add(self, frauds: Iterable[KnownFraud]) -> None:
        for fraud in frauds:
            heappush(self._heap, (fraud.event.known_at, fraud.label_id, fraud))

    def pop_due(self, at: datetime) -> list[KnownFraud]:
        """Take those known by then, the earliest first."""
        due = []
        while self._heap and self._heap[0][0] <= at:
            due.append(heappop(self._heap)[2])
        return due


def unlearnt_frauds_of(source: str) -> list[KnownFraud]:
    """Frauds of a source's payments that nothing has learnt, one for each payment, by the label known first."""
    counted = Label.objects.filter(label=Label.Value.FRAUD).exclude(applied_at=None)
    labels = (
        Label.objects.filter(decision__source=source, label=Label.Value.FRAUD, applied_at=None)
        .exclude(decision_id__in=counted.values("decision_id"))
        .order_by("decision_id", "known_at", "id")
        .distinct("decision_id")
    )
    return as_pending(labels)


def as_pending(labels: QuerySet[Label]) -> list[KnownFraud]:
    """Labels with what the features learn from them."""
    return [KnownFraud(label.id, fraud_event(label)) for label in labels.select_related("decision").only(*FRAUD_FIELDS)]


def labels_due(source: str, *, at: datetime) -> list[int]:
    """Ids of a source's frauds known by a time that the features have not learnt, the earliest first."""
    due = Label.objects.filter(decision__source=source, label=Label.Value.FRAUD, applied_at=None, known_at__lte=at)
    return list(due.order_by("known_at", "id").values_list("id", flat=True))


def mark_learnt(frauds: Sequence[KnownFraud]) -> None:
    """Say in the ledger that a run teaches them to the features, inside its transaction.

    Raises:
        LabelsAppliedElsewhereError: the caller's transaction must be rolled back.
    """
    if not frauds:
        return
    waiting = Label.objects.filter(id__in=[fraud.label_id for fraud in frauds], applied_at=None)
    if waiting.update(applied_at=Now()) != len(frauds):
        raise LabelsAppliedElsewhereError
