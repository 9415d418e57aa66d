"""Making recorded decisions again from what is stored of them, and comparing bit for bit. Reads only.

What is given: the payment, the vector, the versions of model and policy, and the trace of the lists. A decision depends
on the payments before it through its vector alone, so each can be made again by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from django.db import connection
from numpy.typing import NDArray

from scoring.decisioning import Decided, PolicyInForce, Scorer, decide
from scoring.features.definitions import FEATURES, NAMES, VERSION
from scoring.features.events import Payment
from scoring.features.live import request_only_vectors
from scoring.ml.model import Model, ModelRefusedError
from scoring.models import Decision, ModelVersion, Policy
from scoring.queries import readable_payment
from scoring.rules.language import RuleError
from scoring.rules.lists import ListHit
from scoring.services.degraded import FEATURES_PART
from scoring.services.list_history import ListHistory, traced_since
from scoring.services.models import load_model
from scoring.services.policy import compile_policy
from scoring.services.recording import differing_columns
from scoring.transaction import Transaction

# A change of a list is visible from its commit on, and its time is that of the database: this near to the decision,
# nobody can tell from the times alone whether the decision saw it.
LIST_UNCERTAINTY = timedelta(seconds=5)
_VECTOR_BYTES = 4 * len(NAMES)
_OF_PAYMENT = np.array([row.entity == "payment" for row in FEATURES])


class Difference(msgspec.Struct, frozen=True):
    """A field that is recorded with another value than the one made now."""

    field: str
    recorded: Any
    recomputed: Any


class Missing(msgspec.Struct, frozen=True):
    """Something that would be needed and is gone."""

    what: str
    words: str


class Reproduction(msgspec.Struct, frozen=True):
    """What came of one decision. `same`: all of it could be made again, and is as it is recorded."""

    transaction_id: str
    same: bool
    differences: list[Difference]
    missing: list[Missing]


class _Again(msgspec.Struct):
    """A decision that is being made again."""

    decision: Decision
    transaction: Transaction | None
    vector: NDArray[np.float32] | None
    differences: list[Difference]
    missing: list[Missing]


def reproduce(decisions: Sequence[Decision]) -> list[Reproduction]:
    """Make decisions again, those of the same model and policy together; one result each, in order."""
    again = [_begin(decision) for decision in decisions]
    whole = [one for one in again if one.transaction is not None]
    _compare_vectors([one for one in whole if one.vector is not None])
    history, since = ListHistory([one.transaction for one in whole if one.transaction]), traced_since()
    groups: dict[tuple[str, int], list[_Again]] = {}
    for one in whole:
        if since is None or one.decision.decided_at < since:
            words = "it was decided before changes of the lists were kept"
            one.missing.append(Missing("lists", words))
        groups.setdefault((one.decision.model_version, one.decision.policy_version), []).append(one)
    for (model_version, policy_version), group in groups.items():
        _decide_again(group, model_version, policy_version, history)
    return [
        Reproduction(
            transaction_id=one.decision.transaction_id,
            same=not one.differences and not one.missing,
            differences=one.differences,
            missing=one.missing,
        )
        for one in again
    ]


def _begin(decision: Decision) -> _Again:
    """Read the payment and the vector, and compare the payment with what else is stored of it."""
    payment = readable_payment(decision)
    if payment is None:
        words = "its record cannot be read as a payment any more"
        return _Again(decision, None, None, [], [Missing("transaction", words)])
    different = [Difference(*one) for one in differing_columns(decision, payment)]
    if decision.feature_version != VERSION:
        words = f"its vector is of feature table {decision.feature_version}, and this program has {VERSION}"
        return _Again(decision, payment, None, different, [Missing("features", words)])
    if len(decision.features) != _VECTOR_BYTES:
        words = f"its vector has {len(decision.features)} bytes and not {_VECTOR_BYTES}"
        return _Again(decision, payment, None, different, [Missing("features", words)])
    return _Again(decision, payment, np.frombuffer(decision.features, np.float32), different, [])


def _compare_vectors(again: Sequence[_Again]) -> None:
    """Compare what the payments say by themselves; of those decided without features, that there is nothing else."""
    payments = [Payment(one.transaction, one.decision.received_at) for one in again if one.transaction]
    if not payments:
        return
    for one, vector in zip(again, request_only_vectors(payments), strict=True):
        assert one.vector is not None
        is_other = (one.vector.view(np.uint32) != vector.view(np.uint32)) & ~(np.isnan(one.vector) & np.isnan(vector))
        if FEATURES_PART not in one.decision.degraded:
            is_other &= _OF_PAYMENT
        one.differences.extend(
            Difference(f"features.{NAMES[i]}", _number(one.vector[i]), _number(vector[i]))
            for i in np.flatnonzero(is_other).tolist()
        )


def _number(value: np.float32) -> float | None:
    return None if np.isnan(value) else float(value)


def _decide_again(group: Sequence[_Again], model_version: str, policy_version: int, history: ListHistory) -> None:
    """Compare decisions of one model and policy with what these say now."""
    gone: list[Missing] = []
    model = policy = None
    try:
        model = past_model(model_version)
    except (ModelVersion.DoesNotExist, ModelRefusedError) as error:
        gone.append(Missing("model", str(error) or "it is not kept any more"))
    try:
        policy = past_policy(policy_version)
    except (Policy.DoesNotExist, RuleError) as error:
        gone.append(Missing("policy", str(error)))
    for one in group:
        one.missing.extend(gone)
    if policy is None:
        return
    able = [one for one in group if not one.missing]
    different = _differences(able, [one.decision.decided_at for one in able], model, policy, history)
    for one, found in zip(able, different, strict=True):
        one.differences.extend(found and _at_other_moments(one, found, model, policy, history))


def _differences(
    again: Sequence[_Again],
    moments: Sequence[datetime],
    model: Scorer | None,
    policy: PolicyInForce,
    history: ListHistory,
) -> list[list[Difference]]:
    """What is different of each, with the lists as they stood at its moment."""
    if not again:
        return []
    transactions = [one.transaction for one in again if one.transaction]
    listed: Mapping[int, Sequence[ListHit]] = {
        row: hits
        for row, (payment, at) in enumerate(zip(transactions, moments, strict=True))
        if (hits := history.hits(payment, at=at))
    }
    vectors = np.stack([one.vector for one in again if one.vector is not None])
    decided = decide(transactions, vectors, model=model, policy=policy, listed=listed, at=moments)
    return [list(_compare(one.decision, found)) for one, found in zip(again, decided, strict=True)]


def _at_other_moments(
    one: _Again, found: list[Difference], model: Scorer | None, policy: PolicyInForce, history: ListHistory
) -> list[Difference]:
    """Nothing where a list that changed just then explains the difference, else what was found."""
    assert one.transaction is not None
    decided_at = one.decision.decided_at
    start = decided_at - timedelta(milliseconds=one.decision.latency_ms) - LIST_UNCERTAINTY
    moments = history.moments(one.transaction, start=start, end=decided_at + LIST_UNCERTAINTY)
    if len(moments) == 1:
        return found
    tried = _differences([one] * len(moments), moments, model, policy, history)
    return found if all(tried) else []


def _compare(decision: Decision, found: Decided) -> Iterable[Difference]:
    made = {
        "outcome": found.outcome,
        "score": found.score,
        "anomaly_score": found.anomaly_score,
        "reasons": msgspec.to_builtins(found.reasons),
        "rule_hits": found.rule_hits,
        "rule_failures": found.rule_failures,
    }
    for name, value in made.items():
        if (recorded := getattr(decision, name)) != value:
            yield Difference(name, recorded, value)


def _one(query: str, version: str | int) -> Any:
    """The value it finds, None without. For each explanation: Django's own queries take twice as long to build."""
    with connection.cursor() as cursor:
        cursor.execute(query, [version])
        found = cursor.fetchone()
    return None if found is None else found[0]


def past_model(version: str) -> Model | None:
    """The model of a recorded decision; None for one that was made without.

    Raises:
        ModelVersion.DoesNotExist, ModelRefusedError: it cannot score any more.
    """
    if not version:
        return None
    signature = _one("SELECT signature FROM scoring_modelversion WHERE version = %s", version)
    if signature is None:
        raise ModelVersion.DoesNotExist(f"model {version} is not kept any more")
    return _load(version, signature)


@lru_cache(maxsize=8)
def _load(version: str, signature: str) -> Model:
    return load_model(ModelVersion.objects.get(version=version, signature=signature))


def past_policy(version: int) -> PolicyInForce:
    """The version that made a recorded decision. Raises: Policy.DoesNotExist, RuleError."""
    policy_id = _one("SELECT id FROM scoring_policy WHERE version = %s", version)
    if policy_id is None:
        raise Policy.DoesNotExist(f"policy {version} is not kept any more")
    return _compile(policy_id)


@lru_cache(maxsize=64)
def _compile(policy_id: int) -> PolicyInForce:
    return compile_policy(Policy.objects.get(id=policy_id))
