"""Until when a case may sleep: the times that are offered, and how long is too long. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

# A month is the longest a cardholder or a bank takes to answer.
LONGEST = timedelta(days=31)
# Before the case is due somebody must still have the time to look.
BEFORE_DUE = timedelta(minutes=10)
_EVENING, _MORNING = time(20, 0), time(9, 0)
_LEAST = timedelta(minutes=1)


class SnoozeTimeError(Exception):
    """A case cannot sleep until then; the text says why, and what can be done."""


@dataclass(frozen=True)
class Choice:
    """A time that is offered; one past the case's due time stands there to say so and cannot be chosen."""

    name: str
    title: str
    until: datetime
    is_past_due: bool


def choices(*, now: datetime, due_at: datetime, may_pass_due: bool) -> list[Choice]:
    """The times to choose from, soonest first; times of day are UTC, as everywhere in the console."""
    today = now.astimezone(UTC)
    evening = datetime.combine(today.date(), _EVENING, tzinfo=UTC)
    morning = datetime.combine(today.date() + timedelta(days=1), _MORNING, tzinfo=UTC)
    offered = [
        ("before_due", "10 minutes before it is due", due_at - BEFORE_DUE),
        ("hour", "in 1 hour", now + timedelta(hours=1)),
        ("tonight", "tonight at 20:00", evening),
        ("tomorrow", "tomorrow at 9:00", morning),
    ]
    return sorted(
        (
            Choice(name, title, until, is_past_due=until > due_at and not may_pass_due)
            for name, title, until in offered
            if until >= now + _LEAST
        ),
        key=lambda choice: choice.until,
    )


def check_until(until: datetime, *, now: datetime, due_at: datetime, may_pass_due: bool) -> None:
    """Raises: SnoozeTimeError: the time has passed, is past the case's due time, or is more than 31 days away."""
    if until <= now:
        raise SnoozeTimeError("That time has passed. Choose a later one.")
    if until - now > LONGEST:
        raise SnoozeTimeError("A case sleeps 31 days at most. Choose an earlier time.")
    if until > due_at and not may_pass_due:
        if due_at <= now:
            raise SnoozeTimeError("The case is past due. Only a lead can let it sleep now.")
        due = f"{due_at.astimezone(UTC):%-d %b %H:%M}"
        raise SnoozeTimeError(f"The case is due {due} UTC. Choose an earlier time, or ask a lead.")
