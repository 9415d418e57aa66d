"""How long a call may take."""

from dataclasses import dataclass

# Of an authorisation: who stands at the till does not wait longer.
DEADLINE, ATTEMPT = 2.0, 1.0
# Of everything else, a batch of 1,000 payments among it.
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds: `total` for a call with all its attempts and pauses, `attempt` for one attempt.

    Raises:
        ValueError: no time at all.
    """

    total: float
    attempt: float

    def __post_init__(self) -> None:
        if not (self.total > 0 and self.attempt > 0):
            raise ValueError("time limits are seconds above 0")


@dataclass(frozen=True, slots=True)
class Times:
    """What a client was set up with: for urgent calls, and for the rest."""

    urgent: TimeLimits
    rest: TimeLimits

    def of(self, *, is_urgent: bool, deadline: float | None) -> TimeLimits:
        """Of one call, whose caller may have named a deadline.

        Raises:
            ValueError: a deadline of 0 or less.
        """
        usual = self.urgent if is_urgent else self.rest
        return usual if deadline is None else TimeLimits(deadline, usual.attempt)


def times(deadline: float, attempt_timeout: float, patience: float) -> Times:
    """Raises: ValueError."""
    # A third, so that one lost answer leaves time for two more attempts.
    return Times(TimeLimits(deadline, attempt_timeout), TimeLimits(patience, patience / 3))
