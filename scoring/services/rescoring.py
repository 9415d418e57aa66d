"""Scoring decisions again that were made without a part. The decision stays as answered; this stands beside it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from numpy.typing import NDArray

from scoring import metrics
from scoring.decisioning import APPROVE, Decided, PolicyInForce, Scorer, decide
from scoring.features.definitions import VERSION
from scoring.features.events import Payment
from scoring.features.live import request_only_vectors
from scoring.models import Decision, ModelVersion, Outbox, Rescoring, RescoringDue
from scoring.models.rescoring import HAS_FEATURES
from scoring.queries import readable_payment
from scoring.queries_lists import list_hits
from scoring.rules.lists import ListHit
from scoring.services.degraded import FEATURES_PART, MODEL_PART
from scoring.services.models import champion
from scoring.services.outbox import add_to_outbox
from scoring.services.policy import policy_in_force
from scoring.transaction import Transaction

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 500
_COLUMNS = (
    "decision_id", "rescored_at", "outcome", "score", "anomaly_score", "reasons", "rule_hits", "rule_failures",
    "missing", "features", "feature_version", "model_version", "policy_version",
)  # fmt: skip
_COPY = f"COPY {Rescoring._meta.db_table} ({', '.join(_COLUMNS)}) FROM STDIN"
_encoder = msgspec.json.Encoder(decimal_format="string")


@dataclass(frozen=True)
class _Again:
    """A decision on its way through the engine once more."""

    decision: Decision
    transaction: Transaction
    vector: NDArray[np.float32]
    missing: list[str]


def rescore_due(*, at: datetime) -> int:
    """Score what waits and has its parts back, with the champion, policy and lists of now; how many it looked at.

    At most ROWS_AT_ONCE: call it again until there is nothing. Each is scored once, whoever else is at it; one that was
    let through and is flagged now is left for the analysts. What waits longer than `RESCORE_WITHIN_HOURS` is dropped.
    One that cannot be scored waits on and does not hold up the others.
    """
    too_old = at - timedelta(hours=settings.RESCORE_WITHIN_HOURS)
    RescoringDue.objects.filter(created_at__lt=too_old).delete()
    with transaction.atomic():
        due = {row.decision_id: row for row in _next_ones().select_for_update(skip_locked=True)[:ROWS_AT_ONCE]}
        failed = _rescore(due, at=at) if due else set()
        RescoringDue.objects.filter(decision_id__in=due.keys() - failed).delete()
    return len(due) - len(failed)


def _next_ones() -> QuerySet[RescoringDue]:
    return with_parts_back(RescoringDue.objects.order_by("decision_id"))


def with_parts_back(due: QuerySet[RescoringDue]) -> QuerySet[RescoringDue]:
    """Those that can be scored again by now.

    A champion that cannot be loaded comes back, and is waited for. Where there is none, rules are all that decides
    here, and what has its features back is looked at with them.
    """
    ready = due.filter(HAS_FEATURES)
    if champion() is not None:
        return ready
    if ModelVersion.objects.filter(stage=ModelVersion.Stage.CHAMPION).exists():
        return ready.none()
    return ready.filter(receipt__isnull=False)


def _rescore(due: Mapping[int, RescoringDue], *, at: datetime) -> set[int]:
    """Score decisions and write what was found; those that could not be scored."""
    decisions = Decision.objects.filter(id__in=list(due)).order_by("id")
    prepared = [one for decision in decisions if (one := _prepare(decision, due[decision.id]))]
    if not prepared:
        return set()
    policy, model = policy_in_force(), champion()
    listed = list_hits([one.transaction for one in prepared], at=at)
    again, decided = _decide_each(prepared, model=model, policy=policy, listed=listed, at=at)
    lacks_model, model_version = ([MODEL_PART], "") if model is None else ([], model.version)
    # A bulk_create of the same rows takes as long as deciding them.
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(_COPY) as copy:
        for one, found in zip(again, decided, strict=True):
            copy.write_row((
                one.decision.id, at, found.outcome, found.score, found.anomaly_score,
                _encoder.encode(found.reasons).decode(), found.rule_hits, found.rule_failures,
                one.missing + lacks_model, one.vector.tobytes(), VERSION,
                model_version, policy.version,
            ))  # fmt: skip
    failures = [one.rule_failures for one in decided]
    transaction.on_commit(lambda: metrics.observe_rule_failures(failures))
    add_to_outbox(Outbox.Topic.ALERTS, _let_through(again, decided))
    return {one.decision.id for one in prepared} - {one.decision.id for one in again}


def _decide_each(
    prepared: Sequence[_Again],
    *,
    model: Scorer | None,
    policy: PolicyInForce,
    listed: Mapping[int, Sequence[ListHit]],
    at: datetime,
) -> tuple[list[_Again], list[Decided]]:
    """Those that can be decided, and how; one by one where one of them spoils the batch."""
    try:
        vectors = np.stack([one.vector for one in prepared])
        payments, times = [one.transaction for one in prepared], [at] * len(prepared)
        found = decide(payments, vectors, model=model, policy=policy, listed=listed, at=times)
        return list(prepared), found
    except Exception:
        if len(prepared) == 1:
            logger.exception("decision %s cannot be scored again", prepared[0].decision.id)
            return [], []
    alone = [
        _decide_each([one], model=model, policy=policy, listed={0: listed.get(row, ())}, at=at)
        for row, one in enumerate(prepared)
    ]
    return [one for again, _ in alone for one in again], [found for _, decided in alone for found in decided]


def _let_through(again: Sequence[_Again], decided: Sequence[Decided]) -> list[int]:
    """Decisions that were approved and are flagged now."""
    pairs = zip((one.decision for one in again), decided, strict=True)
    return [decision.id for decision, found in pairs if decision.outcome == APPROVE != found.outcome]


def _prepare(decision: Decision, due: RescoringDue) -> _Again | None:
    """The decision with its vector of the present table: the one it should have had, or the one it had."""
    payment = readable_payment(decision)
    if payment is None:
        return None
    lacked = FEATURES_PART in due.parts
    stored, version = (due.features, due.feature_version) if lacked else (decision.features, decision.feature_version)
    if stored and version == VERSION:
        return _Again(decision, payment, np.frombuffer(stored, np.float32), [])
    (vector,) = request_only_vectors([Payment(payment, decision.received_at)])
    return _Again(decision, payment, vector, [FEATURES_PART])
