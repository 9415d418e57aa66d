"""Payments of yesterday, and what the dashboard says of them."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape

from cases.services import verdicts
from tests.factories import DAY, HOUR, make_decision

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
YESTERDAY = TODAY - DAY + 9 * HOUR


def pay(at=YESTERDAY, **values):
    return make_decision(occurred_at=at, **{"outcome": "approve", "amount": Decimal(10), **values})


def said(response):
    text = re.sub(r"<[^>]*>", " ", response.content.decode())
    return re.sub(r"\s+", " ", unescape(text))


def tiles_of(response):
    page = response.context["page"]
    return {tile.title: tile for tile in [*page.money, *page.rates, *page.desk]}


def decide(case, analyst, at, verdict="fraud"):
    verdicts.record(case=case, analyst=analyst, verdict=verdict, typology="", note="", decided_at=at)
