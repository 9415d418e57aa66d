"""Decisions made without a part: they are noted, and given the features they should have had once those are there."""

from collections.abc import Sequence

import numpy as np
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now
from numpy.typing import NDArray

from scoring.features.definitions import FEATURES, NAMES, VERSION
from scoring.features.layout import OF_LABELS
from scoring.features.live import Pending, StateStore
from scoring.models import PendingFeatures, RescoringDue
from scoring.queries import payments_of
from scoring.services.outbox import array_of

FEATURES_PART, MODEL_PART = "features", "model"
# A vector that is known never to come.
LOST = b""
ROWS_AT_ONCE = 500
_LABEL_COLUMNS = np.array([i for i, row in enumerate(FEATURES) if row.op in OF_LABELS], np.intp)
_INSERT = """
INSERT INTO scoring_rescoringdue (decision_id, parts, receipt) SELECT unnest(%s::bigint[]), %s::varchar[], %s
"""
# The first to note a vector is believed: a second one was made by somebody who came later.
_NOTE = """
UPDATE scoring_rescoringdue AS due
SET features = noted.features, feature_version = %s, lacks_frauds = %s, ready_at = now()
FROM unnest(%s::bigint[], %s::bytea[]) AS noted (decision_id, features)
WHERE due.decision_id = noted.decision_id AND due.receipt IS NOT NULL
  AND (due.features IS NULL OR due.lacks_frauds)
"""


def remember_degraded(decision_ids: Sequence[int], parts: Sequence[str], receipt: int | None) -> None:
    """Note what is to be scored again. Must run in the transaction that records the batch.

    `receipt`: of the batch's feature write.
    """
    waits_for = receipt if FEATURES_PART in parts else None
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [array_of(decision_ids), list(parts), waits_for])


def without_vectors() -> QuerySet[RescoringDue]:
    """What waits for its features to be counted."""
    return RescoringDue.objects.filter(receipt__isnull=False, features=None)


def note_vectors(decision_ids: Sequence[int], vectors: NDArray[np.float32], *, lacks_frauds: bool = False) -> None:
    """Keep the vectors (float32, a row a decision) of those that wait for theirs; nothing happens to the others.

    Must be committed before the same payments are counted: afterwards nobody can tell any more what they met.
    """
    rows = [np.ascontiguousarray(vector, np.float32).tobytes() for vector in vectors]
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [VERSION, lacks_frauds, array_of(decision_ids), rows])


def note_rebuilt(first: int, last: int, decision_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
    """The same for a chunk of a rebuild, which has counted no fraud yet; `first` and `last` bound its ids."""
    waiting = RescoringDue.objects.filter(receipt__isnull=False, decision__id__range=(first, last))
    wanted = set(waiting.values_list("decision_id", flat=True))
    rows = [row for row, decision_id in enumerate(decision_ids) if decision_id in wanted]
    if rows:
        note_vectors([decision_ids[row] for row in rows], vectors[rows], lacks_frauds=True)


def give_up_vectors(due: QuerySet[RescoringDue]) -> None:
    """Their payments were counted and nobody noted what they met: they are scored with what was known when decided."""
    due.filter(features=None).update(features=LOST, ready_at=Now())


def give_up_orphans() -> None:
    """The same for those whose feature write is gone."""
    writes = PendingFeatures.objects.filter(id=OuterRef("receipt"))
    give_up_vectors(without_vectors().filter(~Exists(writes)))


def fill_in_frauds(store: StateStore) -> bool:
    """Complete vectors that a rebuild has made, now that it is over, with the frauds known by now; whether more wait.

    Raises:
        FeatureStoreError: those not completed yet stay.
    """
    due = list(RescoringDue.objects.filter(receipt__isnull=False, lacks_frauds=True)[:ROWS_AT_ONCE])
    for row in due:
        vector = np.frombuffer(row.features or LOST, np.float32).copy()
        if row.feature_version == VERSION and len(vector) == len(NAMES):
            vector[_LABEL_COLUMNS] = Pending(store, payments_of([row.decision_id])).vectors[0, _LABEL_COLUMNS]
        # Not where a rebuild begun meanwhile has noted another vector.
        noted = RescoringDue.objects.filter(decision_id=row.decision_id, features=row.features)
        noted.update(features=vector.tobytes(), lacks_frauds=False, ready_at=Now())
    return len(due) == ROWS_AT_ONCE
