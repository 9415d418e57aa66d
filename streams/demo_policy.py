"""A policy on its way, for the demo: a version that one manager proposes and another may publish."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User

from scoring.models import Policy
from scoring.services.backtests import BacktestRequest, request_backtest
from scoring.services.policy import BandDraft, RuleDraft, live_policy
from scoring.services.policy_content import Content, content_of
from scoring.services.policy_versions import draft_policy, propose, put_in_shadow

_NOTE = "Look at large amounts sooner; shops that sell vouchers at night give points"
_NEW = (
    RuleDraft(
        "voucher_shop_at_night",
        "merchant_category IN ('5816', '5947', '6051') AND hour_of_day < 6",
        "",
        "A shop that sells vouchers, paid at {hour_of_day}",
        name="Vouchers at night",
        points=60,
        tags=("vouchers",),
    ),
    RuleDraft(
        "new_shop_large_amount",
        "card_is_new_merchant = 1 AND amount > 100 AND card_amount_max_ratio > 1.5",
        "",
        "First payment at this shop, and {card_amount_max_ratio} the largest so far",
        name="Large first payment",
        points=60,
    ),
)
_LARGE = BandDraft("EUR", Decimal(200), 0.03, 0.5)
_DAYS, _CAPACITY = 14, 250


def begin_policy(manager: User, *, now: datetime, maturity_days: int) -> Policy:
    """Propose a version for somebody else to publish, in shadow meanwhile, and ask for its backtest."""
    version = draft_policy(content=_changed(content_of(live_policy())), note=_NOTE, by=manager, at=now).version
    put_in_shadow(version=version, by=manager, at=now)
    policy = propose(version=version, note="Fewer large losses for some more looks a day.", by=manager, at=now)
    wanted = BacktestRequest(
        policy=policy,
        since=now - timedelta(days=_DAYS),
        until=now,
        labels_as_of=now,
        maturity_days=maturity_days,
        capacity=_CAPACITY,
    )
    request_backtest(wanted, by=manager, at=now)
    return policy


def _changed(content: Content) -> Content:
    rules = tuple(
        replace(rule, expression=rule.expression.replace(">= 4", ">= 3")) if rule.code == "device_many_cards" else rule
        for rule in content.rules
    )
    return replace(content, rules=(*rules, *_NEW), bands=(*content.bands, _LARGE))
