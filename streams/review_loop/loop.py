"""The days of a desk: payments are decided, the doubtful ones reviewed, chargebacks come, and the model learns."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from numpy.typing import NDArray

from scoring.datasets import recorded_payments
from scoring.decisioning import APPROVE
from scoring.ml.datasets import Dataset, card_code
from scoring.models import ModelVersion
from scoring.policy_defaults import REVIEW_THRESHOLD, RULES
from scoring.services.decisions import Arrival, Writer, decide_transactions
from scoring.services.models import TrainingImpossibleError, TrainingPeriod, champion, train_model
from scoring.services.policy import RuleDraft, live_policy, publish_policy
from scoring.services.store import batch_store
from streams.review_loop import desk
from streams.review_loop.figures import DAYS_A_WEEK, HEADS, Scored, weeks, words_of
from streams.review_loop.payments import Told

SOURCE = "file:review-loop"
_BATCH = 2_000
# A few more than are reviewed: days differ, and whoever works for an hour should not stand idle.
_ALERTS_A_REVIEW = 1.1
_NEVER = 1.0
# Card precision of a desk that reviews nothing is that of as many as the public figures are of.
_CARDS_LOOKED_AT = 100
# A day that draws more than was meant is not thinned unless it draws far more.
_AUDITS_AT_MOST = 4
# By then reviews and chargebacks of a night are in.
_NIGHTS_WORK = timedelta(hours=1)


@dataclass(frozen=True)
class Plan:
    """How the desk works. Chargebacks of a fraud come so many days after it. audit_share: of the reviews, 0-1.

    known_days: for so long after a fraud of a card became known nobody looks at its payments: it was blocked.
    """

    reviews_a_day: int
    audit_share: float
    chargeback_days: int
    retrain_days: int
    window_days: int
    maturity_days: int
    known_days: int


@dataclass
class ReviewLoop:
    """One desk, from its first day on."""

    plan: Plan
    analyst: User
    progress: Callable[[str], None]
    _days: dict[date, list[Scored]] = field(default_factory=dict)
    _frauds: set[str] = field(default_factory=set)
    _card_of: dict[str, str] = field(default_factory=dict)
    _to_charge_back: deque[tuple[date, list[str]]] = field(default_factory=deque)
    _found: set[str] = field(default_factory=set)
    _known: dict[str, date] = field(default_factory=dict)

    def live(self, day: date, payments: Sequence[Told]) -> None:
        """Decide a day's payments, then do what is done in the night after it."""
        self._decide(day, payments)
        night = _midnight(day + timedelta(days=1))
        self._charge_back(night)
        self._review(night)
        desk.learn_labels()
        if len(self._days) == 1:
            self._flag(night, trained=None)
        if len(self._days) % self.plan.retrain_days == 0:
            self._learn(night)
        if len(self._days) % DAYS_A_WEEK == 0:
            newest = dict(list(self._days.items())[-DAYS_A_WEEK:])
            for week in self._weeks(newest):
                self.progress(f"{HEADS}\n{words_of(week)}")

    def figures(self, *, at: datetime) -> dict[str, Any]:
        """Of each whole week, and how far the random audit's recall is from the true one. at: now."""
        return {"recall": self._recall(at), "weeks": self._weeks(self._days)}

    def _weeks(self, days: Mapping[date, Sequence[Scored]]) -> list[dict[str, Any]]:
        return weeks(days, reviews=self.plan.reviews_a_day or _CARDS_LOOKED_AT)

    def _recall(self, at: datetime) -> dict[str, Any] | None:
        """Of all days together, by the audit as the dashboard tells it and by the truth; None without an audit."""
        frauds = [one for payments in self._days.values() for one in payments if one.is_fraud]
        found = desk.audited(_midnight(min(self._days)), _midnight(max(self._days) + timedelta(days=1)), at=at)
        if found is None or found.recall is None or not frauds:
            return None
        truth = sum(one.is_flagged for one in frauds) / len(frauds)
        return {"truth": truth, "estimate": found.recall.value, "low": found.recall.low, "high": found.recall.high,
                "reviewed": found.sample.reviewed, "frauds_found": found.sample.frauds}  # fmt: skip

    def _decide(self, day: date, payments: Sequence[Told]) -> None:
        writer = Writer(SOURCE, batch_store(), has_effects=False)
        scored, to_see, known = [], [], self._known_on(day)
        for start in range(0, len(payments), _BATCH):
            told = payments[start : start + _BATCH]
            arrivals = [Arrival(one.transaction, one.transaction.occurred_at, SOURCE) for one in told]
            for one, result in zip(told, decide_transactions(arrivals, writer=writer), strict=True):
                assert result.decision is not None
                card, is_flagged = one.transaction.card_id, result.decision.outcome != APPROVE
                scored.append(Scored(card, result.decision.score, one.is_fraud, is_flagged, card in known))
                if is_flagged and card not in known:
                    to_see.append(one.transaction.transaction_id)
        self._days[day] = scored
        self._remember(day, payments)
        night = _midnight(day + timedelta(days=1))
        desk.open_alerts(to_see, now=night)
        if audited := round(self.plan.audit_share * self.plan.reviews_a_day):
            if len(self._days) == 1:
                desk.audit_at_random(audited / len(payments), reviews=_AUDITS_AT_MOST * audited, now=_midnight(day))
            desk.draw([one.transaction.transaction_id for one in payments], now=night)

    def _remember(self, day: date, payments: Iterable[Told]) -> None:
        frauds = [one.transaction for one in payments if one.is_fraud]
        names = [payment.transaction_id for payment in frauds]
        self._frauds.update(names)
        self._card_of.update((payment.transaction_id, payment.card_id) for payment in frauds)
        self._to_charge_back.append((day + timedelta(days=self.plan.chargeback_days), names))

    def _charge_back(self, night: datetime) -> None:
        while self._to_charge_back and self._to_charge_back[0][0] < night.date():
            _, names = self._to_charge_back.popleft()
            desk.charge_back(names, now=night)
            self._know(names, night.date())

    def _review(self, night: datetime) -> None:
        for reviewed in desk.review(self.analyst, most=self.plan.reviews_a_day, frauds=self._frauds, now=night):
            self._know(reviewed.frauds, night.date())

    def _know(self, names: Iterable[str], day: date) -> None:
        new = set(names) - self._found
        self._found |= new
        self._known.update((self._card_of[name], day) for name in new)

    def _known_on(self, day: date) -> set[str]:
        """Cards of which a fraud became known not long ago."""
        oldest = day - timedelta(days=self.plan.known_days)
        return {card for card, since in self._known.items() if since > oldest}

    def _learn(self, night: datetime) -> None:
        """Train on what is known."""
        period = TrainingPeriod(
            start=night - timedelta(days=self.plan.window_days),
            end=night,
            labels_as_of=night + _NIGHTS_WORK,
            maturity=timedelta(days=self.plan.maturity_days),
        )
        try:
            trained = train_model(period, promote=True, progress=lambda line: None)
        except TrainingImpossibleError as error:
            self.progress(f"{night:%Y-%m-%d}: no model yet. {error}")
            return
        self._flag(night, trained=trained)

    def _flag(self, night: datetime, *, trained: ModelVersion | None) -> None:
        """Let about as many cards be flagged as are reviewed: by score, or while nobody scores the largest."""
        week = recorded_payments(night - timedelta(days=7), night, labels_as_of=None, maturity=None)
        recent = week.where(~np.isin(week.cards, [card_code(card) for card in self._known_on(night.date())]))
        model = champion() if trained is not None else None
        values = recent.amounts if model is None else model.score(recent.vectors)
        reached = _reached_by(values, recent, cards_a_day=max(1, round(_ALERTS_A_REVIEW * self.plan.reviews_a_day)))
        rules = RULES if model is not None else (*RULES, _largest(reached))
        publish_policy(
            review_threshold=REVIEW_THRESHOLD if model is None else float(np.clip(reached, 1e-6, _NEVER)),
            decline_threshold=_NEVER,
            rules=rules,
            note=f"For {trained.version}" if trained is not None else "No model yet: the largest amounts.",
            published_by=None,
            based_on=live_policy().version,
        )
        self.progress(f"{night:%Y-%m-%d}: reviews from {reached:.4f} on, {model.version if model else 'by amount'}")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _largest(amount: float) -> RuleDraft:
    return RuleDraft("largest_amounts", f"amount >= {amount:.2f}", "review", "One of the largest amounts of these days")


def _reached_by(values: NDArray[np.float64], recent: Dataset, *, cards_a_day: int) -> float:
    """The value that the highest of so many cards reach on a day, in the middle of the days."""
    highest: dict[int, dict[int, float]] = defaultdict(dict)
    for at, card, value in zip(recent.occurred_at.tolist(), recent.cards.tolist(), values.tolist(), strict=True):
        cards = highest[int(at // 86_400)]
        cards[card] = max(value, cards.get(card, 0.0))
    return float(np.median([sorted(cards.values())[-min(cards_a_day, len(cards))] for cards in highest.values()]))
