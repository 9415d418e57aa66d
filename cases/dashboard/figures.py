"""What the page is made of: payments, case work, rules, backlog, as they were read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.contrib.auth.models import User

from cases import durations
from cases.dashboard.span import Span
from cases.dashboard.sums import Share, Sums
from cases.models import RuleAlarm
from cases.queries.audit import Audited


@dataclass(frozen=True)
class Change:
    """Another version of the policy or the model decides from `hour` on."""

    hour: datetime
    text: str


@dataclass(frozen=True)
class Payments:
    """Sums by bucket of the chosen currency; `comparable` leaves the running hour out, as `before` does."""

    currency: str
    currencies: list[str]
    buckets: dict[datetime, Sums]
    all: Sums
    comparable: Sums
    before: Sums
    changes: list[Change]


@dataclass(frozen=True)
class Work:
    """Case work of somebody, or of all, over some time. Lengths of time are counts by class."""

    verdicts: int = 0
    frauds: int = 0
    legitimate: int = 0
    in_time: int = 0
    skipped: int = 0
    handled_seconds: int = 0
    first_looks: list[int] = field(default_factory=list)
    verdict_times: list[int] = field(default_factory=list)
    handling_times: list[int] = field(default_factory=list)
    analyst: User | None = None

    @property
    def median_handling(self) -> timedelta | None:
        return durations.median(self.handling_times)

    @property
    def fraud_share(self) -> Share:
        return Share(self.frauds, self.frauds + self.legitimate)

    @property
    def skip_share(self) -> Share:
        return Share(self.skipped, self.skipped + self.verdicts)


def together(works: Sequence[Work]) -> Work:
    """The work of several, as if one had done it."""
    if not works:
        return Work()
    counts = [sum(getattr(work, name) for work in works) for name in _COUNTS]
    times = [[sum(places) for places in zip(*(getattr(work, name) for work in works), strict=True)] for name in _TIMES]
    return Work(*counts, *times)


_COUNTS = ("verdicts", "frauds", "legitimate", "in_time", "skipped", "handled_seconds")
_TIMES = ("first_looks", "verdict_times", "handling_times")


@dataclass(frozen=True)
class DayOfWork:
    """What people did: what the clock decides is no work."""

    handled_seconds: int
    verdicts: int


@dataclass(frozen=True)
class Desk:
    """`all` and `before` are everybody's; `people` have done something in the days asked for; `days` are of both."""

    all: Work
    before: Work
    people: list[Work]
    days: dict[date, DayOfWork]

    @property
    def verdicts_of_people(self) -> int:
        """Without the cases that the clock decided."""
        return sum(work.verdicts for work in self.people if work.analyst)


@dataclass(frozen=True)
class RuleRow:
    """A rule or list: what it met in the days asked for. `state` is live, off, gone or list; `name` is as recorded."""

    code: str
    words: str
    state: str
    hits: int = 0
    before: int = 0
    precision: Share = Share(0, 0)
    last_hit_at: datetime | None = None
    spark: str = ""
    name: str = ""
    alarms: Sequence[RuleAlarm] = ()


@dataclass(frozen=True)
class Backlog:
    """Open cases at `taken_at`; `by_age` has the classes of `durations.AGES`."""

    taken_at: datetime
    open: int
    overdue: int
    due_soon: int
    by_age: list[int]


@dataclass(frozen=True)
class Dashboard:
    span: Span
    payments: Payments
    desk: Desk
    rules: list[RuleRow]
    backlog: Backlog | None
    backlog_history: dict[datetime, int]
    # None where no whole hour was audited.
    audited: Audited | None = None
