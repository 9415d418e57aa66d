"""Queues as one person has them, and the order of the work in them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, ExpressionWrapper, F, FloatField, OuterRef, Q, QuerySet, Value, expressions

from cases.models import Case, Queue


@dataclass(frozen=True)
class Desk:
    """All queues by position; which of them a person sees, and from which they are handed work."""

    queues: tuple[Queue, ...]
    seen: frozenset[int]
    worked: frozenset[int]

    @property
    def sees_all(self) -> bool:
        return len(self.seen) == len(self.queues)

    def knows(self, queue_id: int | None) -> bool:
        """Whether the queue was there when this was read."""
        return queue_id is None or any(queue.id == queue_id for queue in self.queues)

    def sees(self, queue_id: int | None) -> bool:
        """A case that is in no queue yet is seen by all."""
        return queue_id is None or queue_id in self.seen

    def visible(self, path: str = "queue") -> Q:
        """Of rows whose case's queue is at `path`: those the person sees."""
        return Q() if self.sees_all else Q(**{f"{path}__in": self.seen}) | Q(**{path: None})

    def queue(self, slug: str) -> Queue | None:
        """The queue of this name, if the person sees it."""
        return next((queue for queue in self.queues if queue.slug == slug and queue.id in self.seen), None)


def desk_of(user: User) -> Desk:
    """One query. A queue without members and groups is everybody's."""
    members, groups = Queue.members.through.objects, Queue.groups.through.objects
    at = {"queue": OuterRef("pk")}
    mine = Exists(members.filter(**at, user=user)) | Exists(groups.filter(**at, group__user=user))
    everybodys = ~Exists(members.filter(**at)) & ~Exists(groups.filter(**at))
    queues = list(Queue.objects.annotate(is_mine=mine | everybodys).order_by("is_default", "position", "id"))
    worked = frozenset(queue.id for queue in queues if queue.is_mine)
    seen = frozenset(queue.id for queue in queues) if user.has_perm("cases.view_all_queues") else worked
    return Desk(tuple(queues), seen, worked)


def heaviest(queue_ids: Collection[int], where: Q, *, now: datetime, limit: int) -> "QuerySet[Case]":
    """Open cases that weigh most now, heaviest first, found among the `limit` heaviest of each queue.

    Each queue's come from its index, in the order that holds at any time; only to compare cases of queues with
    different half-lives the time is needed.
    """
    waiting = Case.objects.filter(where, status=Case.Status.OPEN)
    tops = [waiting.filter(queue=queue_id).order_by("-rank").values("id")[:limit] for queue_id in queue_ids]
    if not tops:
        return Case.objects.none()
    found = tops[0].union(*tops[1:], all=True) if len(tops) > 1 else tops[0]
    return by_weight(waiting.filter(id__in=found), now=now)


def by_weight(cases: "QuerySet[Case]", *, now: datetime) -> "QuerySet[Case]":
    """Heaviest first: by log2 of (stake + 1) x 2^(-time left / half-life), which is the rank plus what has passed."""
    passed = Value(now.timestamp()) / (F("half_life_minutes") * Value(60.0))
    weight = ExpressionWrapper(F("rank") + passed, output_field=FloatField())
    return cases.annotate(weight=weight).order_by("-weight", "opened_at", "id")


def case_columns(desk: Desk) -> dict[str, Any]:
    """To annotate payments with `case_id`, `case_status`, `case_verdict`; empty for a case the person does not see."""
    names = {"case_id": "alert__case_id", "case_status": "alert__case__status", "case_verdict": "alert__case__verdict"}
    if desk.sees_all:
        return {name: F(path) for name, path in names.items()}
    is_seen = desk.visible("alert__case__queue")
    return {name: expressions.Case(expressions.When(is_seen, then=path)) for name, path in names.items()}
