"""Routing: which queue takes a flagged payment."""

import logging
from collections.abc import Iterable, Sequence
from functools import lru_cache

from django.db.models import Q

from cases.models import Queue
from cases.services.queues import default_queue
from scoring.models import Decision, PaymentEmbedding
from scoring.queries import hits_on_record
from scoring.rules.language import Condition, RuleError, compile_condition

logger = logging.getLogger(__name__)
# As cases are offered to them: the default, which takes everything, comes last whatever its position.
_ORDER = ("is_default", "position", "id")
_compile = lru_cache(maxsize=256)(compile_condition)


def route(decisions: Sequence[Decision]) -> dict[int, Queue]:
    """Decision's id -> the first queue by position whose condition holds for it, else the default.

    A queue can ask for a similarity to confirmed frauds too; a payment without one it does not take. As many queries
    for one payment as for many. A condition that cannot be read takes nothing and is logged; the queues after it are
    asked as if it were not there.
    """
    queues = list(Queue.objects.filter(Q(is_default=True) | Q(is_enabled=True, takes_new=True)).order_by(*_ORDER))
    if not queues or not queues[-1].is_default:
        queues.append(default_queue())
    offered = _readable(queues)
    similarity = _similarities(queues, decisions)
    hits = iter(hits_on_record([condition for _, condition in offered if condition], decisions).T)
    taken: dict[int, Queue] = {}
    for queue, condition in offered:
        column = next(hits) if condition else [True] * len(decisions)
        for decision, is_hit in zip(decisions, column, strict=True):
            if is_hit and _is_similar(queue, similarity.get(decision.id)):
                taken.setdefault(decision.id, queue)
    return taken


def is_before(queue: Queue, other: Queue | None) -> bool:
    """Whether cases are offered to the queue before they are to the other."""
    return other is None or [getattr(queue, name) for name in _ORDER] < [getattr(other, name) for name in _ORDER]


def _similarities(queues: Iterable[Queue], decisions: Sequence[Decision]) -> dict[int, float | None]:
    """Of the payments that have one; asked only where a queue wants to know."""
    if all(queue.least_similarity is None for queue in queues):
        return {}
    known = PaymentEmbedding.objects.filter(decision__in=decisions)
    return dict(known.values_list("decision_id", "fraud_similarity"))


def _is_similar(queue: Queue, similarity: float | None) -> bool:
    return queue.least_similarity is None or (similarity is not None and similarity >= queue.least_similarity)


def _readable(queues: Iterable[Queue]) -> list[tuple[Queue, Condition | None]]:
    """Queues and their compiled conditions; None takes every case."""
    found: list[tuple[Queue, Condition | None]] = []
    for queue in queues:
        try:
            found.append((queue, _compile(queue.condition) if queue.condition else None))
        except RuleError as error:
            # The table of features has changed since it was saved; the admin shows the same words.
            logger.error("Queue %s takes no case, its condition cannot be read: %s", queue.slug, error)
    return found
