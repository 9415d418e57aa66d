"""Rules and lists in force as rows of a table: filters, orders, figures in words. Pure but for the form."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms

from cases.agreement import Share
from cases.models import RuleAlarm
from scoring.models import Rule

WINDOWS = (7, 30, 90)
EXPIRING_WITHIN = timedelta(days=7)
STATES = {
    "": "All",
    "alarm": "With an alarm",
    "live": "Rules that are asked",
    "off": "Switched off",
    "expiring": "Expired or expiring",
    "quiet": "No hit in 90 days",
    "list": "Lists",
}


@dataclass(frozen=True)
class RuleHealth:
    """A rule or list in force. hits: of the last 7, 30 and 90 days; the other figures are of the days asked for.

    `precision` is of flagged payments with a label, `passed` of approved ones whose labels count as complete.
    `mature`: how many of the hits are so old. `state` is live, off, expired or list.
    """

    code: str
    title: str
    rule: Rule | None
    effect: str
    state: str
    hits: tuple[int, int, int] = (0, 0, 0)
    spark: str = ""
    flagged: int = 0
    precision: Share = Share(0, 0)
    passed: Share = Share(0, 0)
    mature: Share = Share(0, 0)
    alone: int = 0
    failures: int = 0
    last_hit_at: datetime | None = None
    overlap_with: str = ""
    overlap: Share = Share(0, 0)
    stopped: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    snoozes: int = 0
    is_expiring: bool = False
    alarms: Sequence[RuleAlarm] = field(default_factory=list)

    @property
    def cost_per_hit(self) -> Decimal | None:
        return self.cost / self.flagged if self.flagged else None

    @property
    def alone_share(self) -> Share:
        return Share(self.alone, self.flagged)

    @property
    def owner_name(self) -> str:
        return self.rule.owner.get_username() if self.rule and self.rule.owner else ""

    @property
    def tags(self) -> list[str]:
        return self.rule.tags if self.rule else []

    def is_in(self, state: str) -> bool:
        return {
            "alarm": bool(self.alarms),
            "expiring": self.is_expiring,
            "quiet": not self.hits[-1],
        }.get(state, state in ("", self.state))


_EARLIEST = float("-inf")
# The most telling first.
_ORDERS: dict[str, Callable[[RuleHealth], Any]] = {
    "alarms": lambda row: (-len(row.alarms), -row.hits[1]),
    "code": lambda row: 0,
    "hits_7": lambda row: -row.hits[0],
    "hits_30": lambda row: -row.hits[1],
    "hits_90": lambda row: -row.hits[2],
    "precision": lambda row: (not row.precision.is_telling, row.precision.value),
    "alone": lambda row: (not row.flagged, row.alone_share.value),
    "overlap": lambda row: -row.overlap.value,
    "last": lambda row: -row.last_hit_at.timestamp() if row.last_hit_at else -_EARLIEST,
    "cost": lambda row: -(row.cost_per_hit or 0),
    "stopped": lambda row: -row.stopped,
    "snoozes": lambda row: -row.snoozes,
    "failures": lambda row: -row.failures,
    "owner": lambda row: (not row.owner_name, row.owner_name),
    "tags": lambda row: (not row.tags, row.tags),
    "expiry": lambda row: row.rule.expires_at.timestamp() if row.rule and row.rule.expires_at else -_EARLIEST,
}
SORTS = tuple(_ORDERS)


def in_order(rows: Sequence[RuleHealth], sort: str) -> list[RuleHealth]:
    """By name where the order says nothing."""
    return sorted(sorted(rows, key=lambda row: row.code), key=_ORDERS[sort])


class RulesForm(forms.Form):
    """Which rules of the table, over how many days, in which order."""

    days = forms.ChoiceField(choices=[(str(days), f"{days} days") for days in WINDOWS], required=False)
    state = forms.ChoiceField(choices=list(STATES.items()), required=False, label="Show")
    tag = forms.CharField(max_length=32, required=False, label="Tag")
    owner = forms.CharField(max_length=150, required=False, label="Owner")
    sort = forms.ChoiceField(choices=[(name, name) for name in SORTS], required=False)
    currency = forms.RegexField(r"^[A-Z]{3}$", required=False)

    def chosen(self, name: str) -> str:
        """What was asked for; empty if nothing was, or nothing that holds."""
        return str(self.cleaned_data.get(name) or "") if not self.errors else ""

    @property
    def chosen_days(self) -> int:
        return int(self.chosen("days") or 30)

    def fits(self, row: RuleHealth) -> bool:
        tag, owner = self.chosen("tag"), self.chosen("owner")
        return (
            row.is_in(self.chosen("state")) and (not tag or tag in row.tags) and (not owner or owner == row.owner_name)
        )
