"""Cutting payments into runs, so that no payment is decided in one run with a fraud it should have learnt of."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Step(NamedTuple, Generic[T]):
    """A payment, and when it becomes known as fraud, if it does."""

    item: T
    occurred_at: datetime
    fraud_known_at: datetime | None = None


def runs_of(steps: Iterable[Step[T]], *, longest: int) -> Iterator[list[Step[T]]]:
    """Runs in order. One ends before the first payment that occurs when a fraud of the run is known already.

    So a fraud is learnt before the first payment after it that could know of it, never before the fraud itself, and
    where batches begin makes no difference.
    """
    run: list[Step[T]] = []
    known_first: datetime | None = None
    for step in steps:
        if len(run) == longest or (known_first is not None and step.occurred_at >= known_first):
            yield run
            run, known_first = [], None
        run.append(step)
        if step.fraud_known_at is not None:
            known_first = min(step.fraud_known_at, known_first or step.fraud_known_at)
    if run:
        yield run
