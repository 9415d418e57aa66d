"""Payments added up: counts, amounts of one currency, and shares with the interval they are known to."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal

from cases.agreement import FEWEST
from scoring.intervals import wilson


@dataclass(frozen=True)
class Share:
    """A part of a whole, with its 95 % interval."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None

    @property
    def is_telling(self) -> bool:
        return self.whole >= FEWEST

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the share lies 95 times of 100; None of nothing."""
        return wilson(self.part, self.whole) if self.whole else None


@dataclass(frozen=True)
class Sums:
    """Payments of some time in one currency. The names are those of `HourlyFigures`."""

    approved: int = 0
    reviewed: int = 0
    declined: int = 0
    amount: Decimal = Decimal(0)
    stopped: int = 0
    stopped_amount: Decimal = Decimal(0)
    pending: int = 0
    pending_stake: Decimal = Decimal(0)
    missed: int = 0
    missed_amount: Decimal = Decimal(0)
    missed_reported: int = 0
    false_alarms: int = 0
    false_alarm_amount: Decimal = Decimal(0)
    cleared: int = 0
    released: int = 0
    released_amount: Decimal = Decimal(0)

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, name) + getattr(other, name) for name in NAMES))

    @property
    def payments(self) -> int:
        return self.approved + self.reviewed + self.declined

    @property
    def flagged(self) -> int:
        return self.reviewed + self.declined

    @property
    def confirmed(self) -> int:
        """Flagged, labelled fraud, and not let go by a verdict."""
        return self.stopped - self.released

    @property
    def confirmed_amount(self) -> Decimal:
        return self.stopped_amount - self.released_amount

    @property
    def lost(self) -> int:
        """Fraud that was paid: approved by the system, or let go by a verdict."""
        return self.missed + self.released

    @property
    def lost_amount(self) -> Decimal:
        return self.missed_amount + self.released_amount

    @property
    def expected_stop(self) -> Decimal:
        """Fraud stopped: what labels confirm, and of flagged payments without a label score x amount."""
        return self.confirmed_amount + self.pending_stake

    @property
    def precision(self) -> Share:
        """Of the flagged payments with a label: how many were fraud."""
        return Share(self.stopped, self.stopped + self.false_alarms)

    @property
    def recall(self) -> Share:
        """Of the payments labelled fraud: how many were flagged."""
        return Share(self.stopped, self.stopped + self.missed)

    @property
    def review_rate(self) -> Share:
        return Share(self.reviewed, self.payments)

    @property
    def decline_rate(self) -> Share:
        return Share(self.declined, self.payments)


NAMES = tuple(field.name for field in fields(Sums))


def total(sums: Iterable[Sums]) -> Sums:
    parts = list(sums)
    return sum(parts[1:], parts[0]) if parts else Sums()
