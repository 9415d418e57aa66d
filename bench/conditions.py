"""What single conditions take beside what `scoring.rules.cost` says of them, in batches of 500 of which no two payments
share a text: `python -m bench.conditions`."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from scoring.features.definitions import NAMES
from scoring.rules.columns import Columns
from scoring.rules.language import Condition, compile_condition
from scoring.rules.lists import ListHit
from scoring.transaction import Transaction

BATCH, ROUNDS = 500, 40
_BEGIN = datetime(2026, 11, 20, tzinfo=UTC)

CONDITIONS = (
    "card_count_1h > 3",
    "amount > 100",
    "channel = 'pos'",
    "merchant_name = 'Shop 17'",
    "card_km + 1 > 5",
    "amount % 1 = 0.99",
    "coalesce(card_km, 0) > 5",
    "CASE WHEN card_km > 5 THEN 1 ELSE 0 END = 1",
    "amount BETWEEN 5 AND 10",
    f"merchant_category IN ({', '.join(repr(str(code)) for code in range(5000, 5010))})",
    f"merchant_id IN ({', '.join(repr(f'm-{number}') for number in range(150))})",
    f"card_km IN ({', '.join(map(str, range(200)))})",
    "length(merchant_name) > 30",
    "lower(merchant_name) = 'shop 17'",
    "substr(card_id, 1, 6) = 'tok_12'",
    "contains(merchant_name, 'op 1')",
    "contains(merchant_name, card_id)",
    "merchant_name LIKE '%op 1%'",
    "merchant_name ILIKE '%OP 1_'",
    "merchant_name ~ '(gift|card|voucher) [0-9]+$'",
    "merchant_name ~ '(a|b)*a(a|b){100}$'",
    "extra.note ~ '(a|b)*a(a|b){100}$'",
    "extra.basket.items > 5",
    "extra.is_trusted",
    "extra.email = 'x'",
    "occurred_at > '2026-11-01T00:00:00Z'",
    "occurred_at - time(extra.since) < 3600",
    "hour(occurred_at) < 5",
    "hour(occurred_at, 'Europe/Paris') < 5",
    "day(occurred_at) = 1",
    "in_list(card_id, 'mules')",
    "in_list(merchant_country, 'risky')",
)


def _payments() -> list[Transaction]:
    chance = np.random.default_rng(1)
    return [
        Transaction(
            transaction_id=f"t-{number}", occurred_at=_BEGIN + timedelta(milliseconds=7 * number),
            amount=Decimal(number) / 100 + 1, currency="EUR", card_id=f"tok_{number:06d}", merchant_id=f"m-{number}",
            merchant_name=f"Shop {number} of the town", merchant_category=str(5000 + number % 40), channel="ecommerce",
            merchant_country="FR",
            extra={
                "basket": {"items": number % 9}, "is_trusted": number % 2 == 0, "email": f"a{number}@example.org",
                "since": (_BEGIN - timedelta(hours=number)).isoformat(),
                "note": "".join(chance.choice(["a", "b"], 120)),
            },
        )
        for number in range(BATCH)
    ]  # fmt: skip


def measured(condition: Condition, columns: Callable[[], Columns]) -> float:
    """Nanoseconds a payment, at best of some rounds, with all that it reads made anew."""
    best = float("inf")
    with np.errstate(all="ignore"):
        for _ in range(ROUNDS):
            fresh = columns()
            began = time.perf_counter()
            condition.holds(fresh)
            best = min(best, time.perf_counter() - began)
    return best * 1e9 / BATCH


def main() -> None:
    payments = _payments()
    vectors = np.random.default_rng(1).gamma(1.0, 10.0, (BATCH, len(NAMES))).astype(np.float32)
    listed = {row: [ListHit("mules", "card", f"tok_{row:06d}", "")] for row in range(0, BATCH, 10)}
    print(f"{'measured':>9} {'said':>7}  ns a payment in batches of {BATCH}")
    for text in CONDITIONS:
        condition = compile_condition(text)
        took = measured(condition, lambda: Columns(payments, vectors, None, listed))
        print(f"{took:9.1f} {condition.cost:7.0f}  {text[:90]}")


if __name__ == "__main__":
    main()
