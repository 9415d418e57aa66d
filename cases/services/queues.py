"""Queues: the default one, editing them, and putting a case into one."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError

from cases import live
from cases.models import Case, CaseEvent, Queue
from cases.services import claims

# Numbers a transaction-long advisory lock: whoever opens cases or changes a queue holds it.
OPENING_LOCK = 4_201_001


class QueueInUseError(Exception):
    """Cases are or were in the queue, or another escalates to it; nothing changed."""


class QueueClosedError(Exception):
    """The queue is disabled: no case goes there. Nothing changed."""


def lock_opening() -> None:
    """Wait until nobody else opens cases or changes a queue; to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [OPENING_LOCK])


def default_queue() -> Queue:
    """The queue that takes what no other takes; made when there is none."""
    sla = settings.CASE_SLA_MINUTES
    times = {"sla_minutes": sla, "warn_minutes": min(10, sla - 1)}
    queue, _ = Queue.objects.get_or_create(is_default=True, defaults={"slug": "general", "title": "General", **times})
    return queue


def placement(queue: Queue, *, due_at: datetime) -> dict[str, Any]:
    """What a case has by its queue; whoever puts one into a queue sets all of it."""
    return {"queue": queue, "half_life_minutes": queue.half_life_minutes, "due_at": due_at, "warned_at": None}


def due_in(queue: Queue, now: datetime) -> datetime:
    return now + timedelta(minutes=queue.sla_minutes)


@transaction.atomic
def save_queue(queue: Queue) -> None:
    """Store a queue; its open cases are put into order by its half-life. They keep the time they were given."""
    lock_opening()
    queue.save()
    cases = Case.objects.filter(queue=queue, status=Case.Status.OPEN)
    cases.exclude(half_life_minutes=queue.half_life_minutes).update(half_life_minutes=queue.half_life_minutes)


@transaction.atomic
def delete_queue(queue: Queue) -> None:
    """Remove a queue that never had a case.

    Raises:
        QueueInUseError: it had one, it is the default, or another escalates to it.
    """
    if queue.is_default:
        raise QueueInUseError(f"{queue} takes the cases that no other queue takes; it stays.")
    # Looked at first: the database would name every case in its refusal.
    if Case.objects.filter(queue=queue).exists():
        raise QueueInUseError(f"{queue} has cases, open or decided, and stays with them. Disable it instead.")
    try:
        with transaction.atomic():
            queue.delete()
    except (ProtectedError, IntegrityError) as error:
        raise QueueInUseError(f"Something still leads to {queue}: a queue that escalates to it, or a case.") from error


@transaction.atomic
def move_case(*, case: Case, queue: Queue, actor: User, now: datetime) -> None:
    """Put an open case into another queue, with that one's SLA from now on; it stays there whatever joins it.

    Raises:
        QueueClosedError: the queue takes none.
        claims.ClaimedByOtherError: somebody else works on the case.
        claims.NotOpenError: it is decided.
    """
    target = lock_queue(queue.id)
    current = claims.lock_claimable(case, analyst=actor, now=now)
    if current.queue_id == target.id:
        return
    came_from = current.queue.title if current.queue else "no queue"
    Case.objects.filter(id=case.id).update(**placement(target, due_at=due_in(target, now)), is_placed=True)
    text = f"From {came_from} to {target.title}"
    CaseEvent.objects.create(case=case, kind=CaseEvent.Kind.MOVED, actor=actor, happened_at=now, text=text)
    left = {} if current.queue_id is None else {current.queue_id: 0}
    transaction.on_commit(partial(live.push_queues, {**left, target.id: 0}))


def lock_queue(queue_id: int) -> Queue:
    """Keep an enabled queue as it is while cases are put into it: taken before any case, as `save_queue` does.

    Raises:
        QueueClosedError: it is disabled.
    """
    queue = Queue.objects.select_for_update(no_key=True).get(id=queue_id)
    if not queue.is_enabled:
        raise QueueClosedError(queue.title)
    return queue
