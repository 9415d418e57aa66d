"""Puts cases to sleep for a while, and wakes them: by hand, by the clock, by a new alert."""

from datetime import UTC, datetime

from django.contrib.auth.models import User
from django.db import transaction

from cases import snooze as times
from cases.models import Case, CaseEvent, Handling
from cases.services import claims, verdicts


@transaction.atomic
def snooze(  # noqa: PLR0913 - what the analyst filled in, each by name
    *,
    case: Case,
    analyst: User,
    until: datetime,
    reason: str,
    now: datetime,
    may_pass_due: bool = False,
    seen_alerts: int | None = None,
) -> None:
    """Take the case out of the queue until then; the handling ends. The time it is due at stays.

    With `seen_alerts` only a case with as many payments as the analyst saw sleeps: a new one would have woken it.

    Raises:
        claims.ClaimedByOtherError: somebody else works on it.
        claims.NotOpenError: it is decided.
        claims.SnoozedError: it sleeps already.
        times.SnoozeTimeError: not until then.
        verdicts.CaseGrewError: it has other payments than the analyst saw. Nothing changed in any of these.
    """
    current = claims.give_back(case, analyst=analyst, ending=Handling.Ending.SNOOZED, now=now)
    times.check_until(until, now=now, due_at=current.due_at, may_pass_due=may_pass_due)
    if seen_alerts is not None and current.alert_count != seen_alerts:
        raise verdicts.CaseGrewError(case.id)
    Case.objects.filter(id=case.id).update(snoozed_until=until)
    text = f"until {_said(until)}: {reason}"
    CaseEvent.objects.create(case=case, kind=CaseEvent.Kind.SNOOZED, actor=analyst, happened_at=now, text=text)


@transaction.atomic
def wake(*, case: Case, actor: User, now: datetime) -> bool:
    """Put the case back into the queue. False when it was awake: nothing changed."""
    asleep = Case.objects.filter(id=case.id, status=Case.Status.OPEN, snoozed_until__gt=now)
    if not asleep.update(snoozed_until=None):
        return False
    CaseEvent.objects.create(case=case, kind=CaseEvent.Kind.WOKEN, actor=actor, happened_at=now)
    return True


@transaction.atomic
def wake_due(*, now: datetime) -> int:
    """Write down which cases woke by themselves: the time alone has put them back. Returns how many."""
    over = Case.objects.filter(snoozed_until__lte=now).select_for_update(skip_locked=True)
    woken = dict(over.values_list("id", "status"))
    Case.objects.filter(id__in=woken).update(snoozed_until=None)
    open_ids = [case_id for case_id, status in woken.items() if status == Case.Status.OPEN]
    CaseEvent.objects.bulk_create(
        CaseEvent(case_id=case_id, kind=CaseEvent.Kind.WOKEN, happened_at=now, text="the time was over")
        for case_id in open_ids
    )
    return len(open_ids)


def wake_by_alert(case: Case, *, now: datetime) -> list[CaseEvent]:
    """Wake a locked case that an alert joins; the caller saves it and the events."""
    if case.snoozed_until is None:
        return []
    case.snoozed_until = None
    return [CaseEvent(case=case, kind=CaseEvent.Kind.WOKEN, happened_at=now, text="a new payment joined")]


def _said(until: datetime) -> str:
    return f"{until.astimezone(UTC):%-d %b %Y %H:%M} UTC"
