"""A recorded history to try policies on, and backtests that are run where they are asked for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from scoring.features.live import MemoryStore
from scoring.models import Backtest, Decision, Outcome, Policy
from scoring.services.backtests import BacktestRequest, claim_backtest, request_backtest, run_backtest
from scoring.services.decisions import decide_transactions
from scoring.services.policy import LIST_EFFECTS, BandDraft, RuleDraft, next_version, write_parts
from tests.factories import DAY, NOON
from tests.scoring.payments import HUGE, LARGE, arrive, make_payment, writer

LATER = NOON + DAY
LOW = RuleDraft("large", "amount > 500", "review", "The amount is {amount}")


def decide(amounts: Sequence[str], **fields: Any) -> list[Decision]:
    """Decide a payment of each amount, a minute apart, by the policy in force; their rows."""
    payments = [
        make_payment(**{"amount": Decimal(amount), "occurred_at": NOON + timedelta(minutes=number)} | fields)
        for number, amount in enumerate(amounts)
    ]
    decide_transactions([arrive(payment) for payment in payments], writer=writer(MemoryStore()))
    rows = {row.transaction_id: row for row in Decision.objects.all()}
    return [rows[payment.transaction_id] for payment in payments]


def approved(amount: str) -> Decision:
    """A payment that was approved without a score."""
    return recorded(amount, Outcome.APPROVE)


def reviewed(amount: str) -> Decision:
    return recorded(amount, Outcome.REVIEW)


def recorded(amount: str, outcome: str, *, payment: dict[str, Any] | None = None, **fields: Any) -> Decision:
    """A decision made without a score."""
    (row,) = decide([amount], **payment or {})
    Decision.objects.filter(id=row.id).delete()
    values = {
        field.attname: getattr(row, field.attname) for field in Decision._meta.concrete_fields if not field.primary_key
    }
    return Decision.objects.create(**values | {"score": None, "outcome": outcome} | fields)


def make_draft(
    *rules: RuleDraft, review: float = 0.5, decline: float = 0.9, bands: Sequence[BandDraft] = (), **fields: Any
) -> Policy:
    """A version that is not in force; with the rules of `publish` when none is named."""
    lists = fields.pop("lists", LIST_EFFECTS)
    values = {"review_threshold": review, "decline_threshold": decline, "note": "a draft"} | fields
    policy = Policy.objects.create(version=next_version(), **values)
    write_parts(policy, rules=rules or (LARGE, HUGE), bands=bands, lists=lists)
    return policy


def ask(policy: Policy, **overrides: Any) -> Backtest:
    """Ask for a backtest over the day around NOON, in the evening after it."""
    at: datetime = overrides.pop("at", LATER)
    by = overrides.pop("by", None)
    values: dict[str, Any] = {
        "since": NOON - DAY,
        "until": LATER,
        "labels_as_of": at,
        "maturity_days": 120,
        "capacity": 2,
    }
    return request_backtest(BacktestRequest(policy=policy, **values | overrides), by=by, at=at)


def run(policy: Policy, *, chunk_rows: int = 1000, **overrides: Any) -> dict[str, Any]:
    """Ask for a backtest and run it; what it found."""
    backtest = ask(policy, **overrides)
    claimed = claim_backtest(at=LATER)
    assert claimed == backtest
    run_backtest(claimed.id, claimed.attempts, clock=lambda: LATER, chunk_rows=chunk_rows)
    backtest.refresh_from_db()
    assert backtest.status == Backtest.Status.DONE, backtest.error
    return backtest.result
