"""What the record says of champion and challenger: sums over their cards, made by the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from scoring.queries_labels import believed

CHAMPION, CHALLENGER = "champion", "challenger"
ALL = "all"
METRICS = ("loss", "precision", "fraud_rate")
# Of each metric, in the order of the fields of `CardSums`.
_SUMS = (
    "count(*) FILTER (WHERE {0}_n > 0)::float8, count(*) FILTER (WHERE {0}_n > 0 AND {0}_y <> 0)::float8,"
    " sum({0}_n)::float8, sum({0}_y)::float8, sum({0}_n::float8 * {0}_n), sum({0}_y::float8 * {0}_n),"
    " sum({0}_y::float8 * {0}_y)"
)
# In one pass over the payments; what is of all currencies is summed from these.
_OF_A_CARD = {
    "payments": "count(*)",
    "flagged": "count(*) FILTER (WHERE is_flagged)",
    "declined": "count(*) FILTER (WHERE is_declined)",
    "frauds": "count(*) FILTER (WHERE is_fraud)",
    "caught": "count(*) FILTER (WHERE is_fraud AND is_flagged)",
    "missed": "count(*) FILTER (WHERE is_fraud AND NOT is_flagged)",
    "bothered": "count(*) FILTER (WHERE is_good AND is_flagged)",
    "unknown": "count(*) FILTER (WHERE NOT is_good AND NOT is_fraud)",
    "missed_money": "sum(amount) FILTER (WHERE is_fraud AND NOT is_flagged)",
    "caught_money": "sum(amount) FILTER (WHERE is_fraud AND is_flagged)",
    "bothered_money": "sum(amount) FILTER (WHERE is_good AND is_flagged)",
    "loss_n": "count(*) FILTER (WHERE is_mature)",
    "loss_y": "coalesce(sum(loss) FILTER (WHERE is_mature), 0)",
    "precision_n": "count(*) FILTER (WHERE is_flagged AND (is_fraud OR is_good))",
    "precision_y": "count(*) FILTER (WHERE is_flagged AND is_fraud)",
    "fraud_rate_n": "count(*) FILTER (WHERE is_mature AND NOT is_flagged)",
    "fraud_rate_y": "count(*) FILTER (WHERE is_mature AND NOT is_flagged AND is_fraud)",
}
_COUNTS = ("payments", "flagged", "declined", "frauds", "caught", "missed", "bothered", "unknown")
_MONEY = ("missed_money", "caught_money", "bothered_money")
# Of an experiment: what the two decided themselves, live and whole. To plan one: whatever was paid in that time.
_OF_BOTH = """decided_at >= %(since)s AND decided_at < %(until)s AND degraded = '{}' AND source NOT LIKE 'file:%%'
    AND model_version IN (%(champion)s, %(challenger)s)"""
_WHOLE = "occurred_at >= %(since)s AND occurred_at < %(until)s"
_CARDS = f"""
WITH payments AS (
  SELECT id, card_id, currency, outcome, amount, model_version = %(challenger)s AS is_challenger,
    occurred_at <= %(mature_before)s AS is_mature
  FROM scoring_decision
  WHERE {{chosen}}
), believed AS ({{believed}}), known AS (
  SELECT card_id, currency, is_challenger, amount, is_mature, outcome = 'review' AS is_review,
    outcome = 'decline' AS is_declined, outcome <> 'approve' AS is_flagged,
    coalesce(label = 'fraud', false) AS is_fraud,
    -- No chargeback can tell of what was declined: without a label it is neither.
    coalesce(label = 'legitimate', false)
      OR (is_mature AND label IS DISTINCT FROM 'fraud' AND outcome <> 'decline') AS is_good
  FROM payments LEFT JOIN believed ON decision_id = id
), priced AS (
  SELECT *, CASE WHEN is_fraud AND NOT is_flagged THEN amount::float8 ELSE 0 END
    + CASE WHEN currency <> %(currency)s THEN 0 WHEN is_review THEN %(review_cost)s::float8
        WHEN is_declined AND is_good THEN %(false_decline_cost)s::float8 ELSE 0 END AS loss
  FROM known
), by_currency AS (
  SELECT card_id, is_challenger, currency, {", ".join(f"{what} AS {name}" for name, what in _OF_A_CARD.items())}
  FROM priced GROUP BY card_id, is_challenger, currency
), cards AS (
  SELECT by_currency.*, false AS is_all FROM by_currency UNION ALL
  SELECT card_id, is_challenger, '', {", ".join(f"sum({name})" for name in _OF_A_CARD)}, true
  FROM by_currency GROUP BY card_id, is_challenger
), crossed AS (
  SELECT card_id FROM cards WHERE is_all GROUP BY card_id HAVING count(*) > 1
)
"""  # noqa: S608 - SQL of our own
_ARMS = f"""{_CARDS}
SELECT CASE WHEN is_all THEN '{ALL}' ELSE currency END, is_challenger, (SELECT count(*) FROM crossed),
  count(*), count(*) FILTER (WHERE fraud_rate_n > 0), count(*) FILTER (WHERE fraud_rate_y > 0),
  count(*) FILTER (WHERE bothered > 0),
  {", ".join(f"sum({name})::bigint" for name in _COUNTS)}, {", ".join(f"coalesce(sum({name}), 0)" for name in _MONEY)},
  {", ".join(_SUMS.format(name) for name in METRICS)}
FROM cards WHERE NOT EXISTS (SELECT FROM crossed WHERE crossed.card_id = cards.card_id)
GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - names of our own
_LEFT_OUT = """
SELECT count(*) FILTER (WHERE degraded <> '{}' AND model_version IN (%(champion)s, %(challenger)s, '')),
  count(*) FILTER (WHERE degraded = '{}' AND model_version NOT IN (%(champion)s, %(challenger)s))
FROM scoring_decision
WHERE decided_at >= %(since)s AND decided_at < %(until)s AND source NOT LIKE 'file:%%'
"""


@dataclass(frozen=True)
class Window:
    """Payments decided from `since` to before `until`, labels as known at `labels_as_of`, and what mistakes cost.

    Without model versions: all that occurred then, by whichever model, as one arm; for planning. Costs hold for
    payments in `currency` only.
    """

    since: datetime
    until: datetime
    labels_as_of: datetime
    maturity_days: int
    currency: str
    false_decline_cost: Decimal = Decimal(0)
    review_cost: Decimal = Decimal(0)
    champion: str = ""
    challenger: str = ""


def arm_figures(window: Window) -> dict[str, Any]:
    """Counts, money and the sums over cards of both arms, by currency and of all of them, as JSON.

    `arms`: "all" or currency -> arm -> figures; `sums`: metric -> values of `CardSums`, `loss` of a currency only.
    What is left out: decided without a part (degraded), by other models, cards that both arms decided for, and files.
    The database holds the cards while it counts, this process a row for each arm and currency.
    """
    with connection.cursor() as cursor:
        labels = believed("label.decision_id IN (SELECT id FROM payments)", "%(as_of)s")
        chosen = _OF_BOTH if window.champion else _WHOLE
        cursor.execute(_ARMS.format(chosen=chosen, believed=labels), _parameters(window))
        rows = cursor.fetchall()
        cursor.execute(_LEFT_OUT, _parameters(window))
        degraded, others = cursor.fetchone()
    arms: dict[str, dict[str, Any]] = {}
    for currency, is_challenger, _, *values in rows:
        arms.setdefault(currency, {})[CHALLENGER if is_challenger else CHAMPION] = _arm(currency, values)
    left_out = {"degraded": degraded, "other_models": others}
    return {"arms": arms, "crossed_cards": rows[0][2] if rows else 0, "left_out": left_out}


def _arm(currency: str, values: list[Any]) -> dict[str, Any]:
    names = ("cards", "cards_approved", "cards_missed", "cards_bothered", *_COUNTS, *_MONEY)
    figures: Mapping[str, Any] = dict(zip(names, values, strict=False))
    sums, width = values[len(names) :], len(values[len(names) :]) // len(METRICS)
    by_metric = {name: sums[place * width : (place + 1) * width] for place, name in enumerate(METRICS)}
    if currency == ALL:
        # Amounts of different currencies are no sum.
        del by_metric["loss"]
        figures = {name: value for name, value in figures.items() if name not in _MONEY}
    money = {name: str(value) for name, value in figures.items() if name in _MONEY}
    return {**figures, **money, "sums": by_metric}


def _parameters(window: Window) -> dict[str, Any]:
    return {
        "since": window.since,
        "until": window.until,
        "as_of": window.labels_as_of,
        "mature_before": window.labels_as_of - timedelta(days=window.maturity_days),
        "currency": window.currency,
        "false_decline_cost": window.false_decline_cost,
        "review_cost": window.review_cost,
        "champion": window.champion,
        # No model is called so: all are the champion's then.
        "challenger": window.challenger or "-",
    }
