"""What a backtest found, as plain values for JSON: the shape of `Backtest.result`."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from scoring.backtesting.examples import EXAMPLES, Examples
from scoring.backtesting.rule_tally import Changes, RuleTally
from scoring.backtesting.tally import Cell, Cells, Tally
from scoring.backtesting.trial import FRAUD, KINDS, LEGITIMATE, TAKEN, UNITS, Looked, Trial
from scoring.decisioning import SEVERITY
from scoring.intervals import wilson

VERSION = 1
# Of the square of rules: what nobody reads needs no room.
OVERLAPPING_RULES, PAIRS = 50, 30
_NAMES = {severity: name for name, severity in SEVERITY.items()}
_DECLINE = SEVERITY["decline"]
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Costs:
    """What a customer wrongly stopped costs, in `currency`."""

    currency: str
    false_positive: Decimal


class Count:
    """All that is counted of the chunks of a trial."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self.tally, self.rules = Tally(), RuleTally(trial.draft)
        self.changes, self.examples = Changes(), Examples()

    def add(self, looked: Looked) -> None:
        for part in (self.tally, self.rules, self.changes, self.examples):
            part.add(looked)

    def result(self, *, left_out: Mapping[str, int], capacity: int, costs: Costs, whole_days: range) -> dict[str, Any]:
        """left_out: payments that were not judged, by why. capacity: alerts the team can review a day. whole_days: days
        since 1970 of which all payments were read.
        """
        tally = self.tally
        return {
            "version": VERSION,
            "policy": self._trial.draft.version,
            "baseline": self._trial.baseline.version,
            "judged": tally.judged,
            "left_out": dict(left_out),
            "recorded_differs": tally.recorded_differs,
            "labels": _labels(tally),
            "costs": {"currency": costs.currency, "false_positive": str(costs.false_positive)},
            "outcomes": _outcomes(tally),
            "currencies": [_currency(name, cells, costs) for name, cells in _by_size(tally)],
            "days": [_day(tally, number) for number in sorted(tally.days)],
            "alerts": _alerts(tally, capacity, whole_days),
            "rules": _rules(self.rules),
            "overlap": _overlap(self.rules),
            "changes": _changes(self.changes),
            "examples": {kind.name: self.examples.of(kind.name) for kind in EXAMPLES},
        }


def _labels(tally: Tally) -> dict[str, int]:
    counts: Counter[int] = Counter()
    for cells in tally.currencies.values():
        for cell, payments in cells.payments.items():
            counts[cell[0]] += payments
    return {**{name: counts[kind] for kind, name in enumerate(KINDS)}, "mature": tally.mature}


def _by_size(tally: Tally) -> list[tuple[str, Cells]]:
    return sorted(tally.currencies.items(), key=lambda one: (-sum(one[1].payments.values()), one[0]))


def _outcomes(tally: Tally) -> list[dict[str, Any]]:
    """The matrix of baseline and draft, its empty cells left out."""
    rows = []
    for currency, cells in _by_size(tally):
        payments: Counter[tuple[int, int]] = Counter()
        units: Counter[tuple[int, int]] = Counter()
        for cell, count in cells.payments.items():
            payments[cell[2:]] += count
            units[cell[2:]] += cells.units[cell]
        rows += [
            {
                "currency": currency,
                "baseline": _NAMES[pair[0]],
                "draft": _NAMES[pair[1]],
                "payments": payments[pair],
                "amount": _money(units[pair]),
            }
            for pair in sorted(payments)
        ]
    return rows


def _currency(name: str, cells: Cells, costs: Costs) -> dict[str, Any]:
    sides = {"recorded": 1, "baseline": 2, "draft": 3}
    found = {side: _side(cells, place, costs) for side, place in sides.items()}
    stopped = Decimal(found["draft"]["money_stopped"]) - Decimal(found["baseline"]["money_stopped"])
    cost = Decimal(found["draft"]["false_positive_cost"]) - Decimal(found["baseline"]["false_positive_cost"])
    return {
        "currency": name,
        "payments": sum(cells.payments.values()),
        "amount": _money(sum(cells.units.values())),
        **found,
        # Two currencies are never added: elsewhere the cost is no part of the value.
        "net_value": str(stopped - cost) if name == costs.currency else None,
    }


def _side(cells: Cells, place: int, costs: Costs) -> dict[str, Any]:
    """Figures of what stands at a place of the cells: what was recorded, the baseline or the draft."""

    def payments(is_meant: Callable[[Cell], bool]) -> int:
        return sum(count for cell, count in cells.payments.items() if is_meant(cell))

    def units(is_meant: Callable[[Cell], bool]) -> int:
        return sum(amount for cell, amount in cells.units.items() if is_meant(cell))

    def is_caught(cell: Cell) -> bool:
        return cell[0] == FRAUD and cell[place] > 0

    def is_missed(cell: Cell) -> bool:
        return cell[0] == FRAUD and not cell[place]

    def is_false(cell: Cell) -> bool:
        return cell[0] in (LEGITIMATE, TAKEN) and cell[place] > 0

    caught, missed, false = payments(is_caught), payments(is_missed), payments(is_false)
    return {
        "flagged": payments(lambda cell: cell[place] > 0),
        "declined": payments(lambda cell: cell[place] == _DECLINE),
        "frauds_caught": caught,
        "frauds_declined": payments(lambda cell: cell[0] == FRAUD and cell[place] == _DECLINE),
        "frauds_missed": missed,
        "money_stopped": _money(units(is_caught)),
        "money_missed": _money(units(is_missed)),
        "false_positives": false,
        "false_positive_amount": _money(units(is_false)),
        "false_positive_cost": str(costs.false_positive * false),
        "precision": _share(caught, caught + false),
        "recall": _share(caught, caught + missed),
    }


def _share(part: int, whole: int) -> dict[str, Any]:
    """A share with the interval that holds the true one 95 times of 100; null of nothing."""
    low, high = wilson(part, whole)
    return {
        "part": part,
        "whole": whole,
        "value": round(part / whole, 6) if whole else None,
        "low": round(low, 6) if whole else None,
        "high": round(high, 6) if whole else None,
    }


def _money(units: int) -> str:
    return str(Decimal(units) / UNITS)


def _day(tally: Tally, number: int) -> dict[str, Any]:
    day = tally.days[number]
    return {
        "day": (_EPOCH + timedelta(days=number)).isoformat(),
        "payments": day.payments,
        "baseline": {"alerts": day.baseline_alerts, "cards": len(day.baseline_cards)},
        "draft": {"alerts": day.draft_alerts, "cards": len(day.draft_cards)},
    }


def _alerts(tally: Tally, capacity: int, whole_days: range) -> dict[str, Any]:
    """Flagged payments a day against what the team can review. A part of a day would make the average too low."""
    days = tally.days
    sides = {
        "baseline": {number: day.baseline_alerts for number, day in days.items()},
        "draft": {number: day.draft_alerts for number, day in days.items()},
    }
    told = [number for number in days if number in whole_days] or list(days)
    return {"capacity": capacity, "days": len(days)} | {
        side: {
            "total": sum(alerts.values()),
            "a_day": round(sum(alerts[number] for number in told) / len(told), 1) if told else 0.0,
            "most": max(alerts.values(), default=0),
            "days_over": sum(count > capacity for count in alerts.values()),
        }
        for side, alerts in sides.items()
    }


def _rules(rules: RuleTally) -> list[dict[str, Any]]:
    rows = []
    for number, code in enumerate(rules.codes):
        kinds, unique = rules.hits[number].tolist(), rules.unique[number].tolist()
        false = kinds[LEGITIMATE] + kinds[TAKEN]
        rows.append(
            {
                "code": code,
                "hits": sum(kinds),
                **{name: kinds[kind] for kind, name in enumerate(KINDS)},
                "precision": _share(kinds[FRAUD], kinds[FRAUD] + false),
                "unique_hits": sum(unique),
                "unique_frauds": unique[FRAUD],
                "failures": int(rules.failures[number]),
            }
        )
    return sorted(rows, key=lambda row: (-row["hits"], row["code"]))


def _overlap(rules: RuleTally) -> list[dict[str, Any]]:
    """The pairs of rules that meet the same payments most, among the OVERLAPPING_RULES with most hits."""
    hits = rules.hits.sum(axis=1)
    busiest = np.argsort(-hits, kind="stable")[:OVERLAPPING_RULES].tolist()
    pairs = [
        (int(rules.together[one, other]), one, other)
        for place, one in enumerate(busiest)
        for other in busiest[place + 1 :]
        if rules.together[one, other]
    ]
    return [
        {
            "rule": rules.codes[one],
            "other": rules.codes[other],
            "both": both,
            "share_of_rule": round(both / int(hits[one]), 4),
            "share_of_other": round(both / int(hits[other]), 4),
        }
        for both, one, other in sorted(pairs, key=lambda pair: (-pair[0], pair[1:]))[:PAIRS]
    ]


def _changes(changes: Changes) -> list[dict[str, Any]]:
    names = {**changes.stricter, **changes.milder}
    rows = [
        {
            "cause": name,
            "stricter": changes.stricter[name],
            "milder": changes.milder[name],
            **{
                kind: changes.kinds[name][kind] if name in changes.kinds else 0
                for kind in ("frauds_flagged", "frauds_released", "legitimate_flagged", "legitimate_released")
            },
        }
        for name in names
    ]
    return sorted(rows, key=lambda row: (-row["stricter"] - row["milder"], row["cause"]))
