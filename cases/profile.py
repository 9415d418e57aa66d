"""What the payments of a card, customer, merchant, device or address add up to over 30 days. Pure."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from cases import money
from cases.daily import Day

DAYS = 30
_CURRENCIES_SHOWN = 3


class Group(NamedTuple):
    """Payments of one day that are alike, and their amount in their currency."""

    day: date
    currency: str
    outcome: str
    is_fraud: bool
    payments: int
    amount: Decimal


@dataclass(frozen=True)
class Figures:
    payments: int
    declined: int
    reviewed: int
    fraud: int
    amounts: tuple[str, ...]
    currencies_left_out: int

    @property
    def declined_share(self) -> str:
        return _percent(self.declined, self.payments)

    @property
    def reviewed_share(self) -> str:
        return _percent(self.reviewed, self.payments)

    @property
    def fraud_rate(self) -> str:
        return _percent(self.fraud, self.payments)


def figures_of(groups: Sequence[Group]) -> Figures:
    """Add everything up; of the currencies the three with most payments."""
    amounts: defaultdict[str, Decimal] = defaultdict(Decimal)
    often: Counter[str] = Counter()
    for group in groups:
        amounts[group.currency] += group.amount
        often[group.currency] += group.payments
    shown = [currency for currency, _ in often.most_common(_CURRENCIES_SHOWN)]
    return Figures(
        payments=sum(group.payments for group in groups),
        declined=sum(group.payments for group in groups if group.outcome == "decline"),
        reviewed=sum(group.payments for group in groups if group.outcome == "review"),
        fraud=sum(group.payments for group in groups if group.is_fraud),
        amounts=tuple(f"{money.shown(amounts[currency], currency)} {currency}" for currency in shown),
        currencies_left_out=len(often) - len(shown),
    )


def days_of(groups: Sequence[Group], *, last: date, counted_from: date) -> list[Day]:
    """The 30 days up to `last`, oldest first; those before `counted_from` are marked as not counted."""
    payments: Counter[date] = Counter()
    flagged: Counter[date] = Counter()
    fraud: Counter[date] = Counter()
    for group in groups:
        # A payment may be dated some minutes ahead, and then on tomorrow.
        day = min(group.day, last)
        payments[day] += group.payments
        flagged[day] += group.payments if group.outcome != "approve" else 0
        fraud[day] += group.payments if group.is_fraud else 0
    days = [last - timedelta(days=ago) for ago in reversed(range(DAYS))]
    return [Day(day, payments[day], flagged[day], fraud[day], is_counted=day >= counted_from) for day in days]


def _percent(part: int, whole: int) -> str:
    """`0 %`, `0.4 %`, `12 %`; never 0 % of something."""
    if not part:
        return "0 %"
    share = 100 * part / whole
    return f"{share:.0f} %" if share >= 10 else f"{share:.1f} %" if share >= 0.1 else "under 0.1 %"
