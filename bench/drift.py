"""How often alarms of drift are wrong, and how soon larger amounts are found: on the simulator, over several worlds.

`python -m bench.drift [worlds] [cards]`. Nothing is written; docs/drift.md tells what it said.
"""

import sys
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import xgboost as xgb

from scoring.features.definitions import NAMES, VERSION
from scoring.features.offline import LABELS, PAYMENTS, replay
from scoring.ml.drift_days import DayCounts, DaySample, add, count_day
from scoring.ml.drift_findings import Past, measure
from scoring.ml.drift_signs import Limits, Severity
from scoring.ml.model import Model
from scoring.ml.reference import Reference, distribution
from streams.simulator.stream import generate
from streams.simulator.world import World

START = datetime(2026, 6, 1, tzinfo=UTC)
# Features look back 60 days at most; then four weeks to learn from, and four that are like them.
WARM, TRAINED, LATER, WINDOW = 65, 28, 28, 7
FACTORS = (1.3, 1.5)
A_CARD_A_DAY = 2.0
LEAST_ROWS = 1_000
LIMITS = Limits(effect_watch=0.05, effect_alarm=0.10, times_usual=2.0, missing_alarm=0.05, rate_alarm=2.0)
_SENT = [name for name in PAYMENTS if name not in ("occurred_at", "received_at", "amount", "is_declined")]
_DAY = timedelta(days=1)


class Simulated:
    """One world's payments, with features of any amounts, and the model that learnt from them as they are."""

    def __init__(self, seed: int, cards: int) -> None:
        days = WARM + TRAINED + LATER
        found = list(generate(World(seed, cards, 400, A_CARD_A_DAY), START, START + days * _DAY))
        self.days = np.array([(one.occurred_at - START) // _DAY for one in found])
        rows = [
            {name: one.record.get(name) for name in _SENT}
            | {"occurred_at": one.occurred_at, "received_at": one.occurred_at, "amount": float(one.record["amount"]),
               "is_declined": False}
            for one in found
        ]  # fmt: skip
        self.payments = pl.DataFrame(rows, PAYMENTS)
        self.is_fraud = np.array([one.is_fraud for one in found])
        known = sorted((one.label_known_at, number) for number, one in enumerate(found) if one.label_known_at)
        times = self.payments["occurred_at"].to_numpy()
        self.labels = pl.DataFrame(
            [
                {name: found[number].record.get(name) for name in LABELS if name not in ("known_at", "after")}
                | {"known_at": at, "after": int(np.searchsorted(times, np.datetime64(at.replace(tzinfo=None))))}
                for at, number in known
            ],
            LABELS,
        )
        self.vectors = replay(self.payments, self.labels).vectors
        self.model = self._fitted()
        self.reference = self._reference()
        self.trained = {day: self.counts(self.vectors, day) for day in range(WARM, WARM + TRAINED)}

    def _fitted(self) -> Model:
        learnt = (self.days >= WARM) & (self.days < WARM + TRAINED)
        matrix = xgb.DMatrix(self.vectors[learnt], self.is_fraud[learnt], feature_names=list(NAMES))
        parameters = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.1, "base_score": 0.5, "nthread": 1}
        return Model("bench", VERSION, xgb.train(parameters, matrix, 50), 1.0, 0.0)

    def _reference(self) -> Reference:
        learnt = self.vectors[(self.days >= WARM) & (self.days < WARM + TRAINED)]
        return Reference(
            rows=len(learnt),
            missing={name: float(np.isnan(learnt[:, place]).mean()) for place, name in enumerate(NAMES)},
            features={name: distribution(learnt[:, place], 20) for place, name in enumerate(NAMES)},
            score=distribution(self.model.score(learnt), 101),
            label_rate=float(self.is_fraud.mean()),
        )

    def counts(self, vectors: np.ndarray, day: int) -> DayCounts:
        rows = self.days == day
        kinds = {
            sort: self.payments[sort].filter(pl.Series(rows)).fill_null("").to_list()
            for sort in ("channel", "merchant_country")
        }
        nothing = np.full(int(rows.sum()), np.nan)
        sample = DaySample(vectors[rows], self.model.score(vectors[rows]), nothing, kinds)
        return count_day(self.reference, sample, payments=len(nothing), flagged=0)

    def with_larger(self, times: float) -> np.ndarray:
        """Vectors where all amounts after the training are so many times larger, and habits follow."""
        larger = self.payments["amount"].to_numpy() * np.where(self.days >= WARM + TRAINED, times, 1.0)
        return replay(self.payments.with_columns(amount=larger), self.labels).vectors

    def alarms(self, vectors: np.ndarray) -> dict[int, dict[str, Severity]]:
        """Day after the training -> code -> severity, of the report made that night."""
        past = Past({_date(day): counted for day, counted in self.trained.items()}, [], WINDOW)
        days = {day: self.counts(vectors, day) for day in range(WARM + TRAINED - WINDOW, WARM + TRAINED + LATER)}
        found = {}
        for day in range(WARM + TRAINED, WARM + TRAINED + LATER):
            window = add(days[one] for one in range(day - WINDOW + 1, day + 1))
            measured = measure(self.reference, window, past, LIMITS, least_rows=LEAST_ROWS)
            found[day - WARM - TRAINED + 1] = {one.code: one.severity for one in measured.findings}
        return found


def main() -> None:
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    cards = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000
    for seed in range(1, worlds + 1):
        world = Simulated(seed, cards)
        _say(f"world {seed}: {len(world.days):,} payments, {len(NAMES)} features and the score, {LATER} nights")
        stable = world.alarms(world.vectors)
        _say(f"  as in training: {_told(stable)}")
        for times in FACTORS:
            found = world.alarms(world.with_larger(times))
            new = [night for night in found if _alarms(found[night]) - _alarms(stable[night])]
            _say(f"  amounts x {times}: found on night {new[0] if new else '-'}; {_told(found)}")


def _alarms(codes: dict[str, Severity]) -> set[str]:
    return {code for code, one in codes.items() if one == Severity.ALARM}


def _told(found: dict[int, dict[str, Severity]]) -> str:
    alarms = sorted(set[str]().union(*map(_alarms, found.values())))
    nights = sum(bool(_alarms(codes)) for codes in found.values())
    watched = {code for codes in found.values() for code, one in codes.items() if one == Severity.WATCH} - set(alarms)
    return f"{len(alarms)} alarms on {nights} nights ({', '.join(alarms)}), {len(watched)} more watched"


def _date(day: int) -> date:
    return (START + day * _DAY).date()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
