"""Payments and labels before they are sent."""

import dataclasses
from datetime import datetime
from decimal import Decimal

import pytest

from fraudapp_client import Label, Verdict
from tests.clients.calling import NOON, payment


@pytest.mark.parametrize("amount", [12.5, 12, "12.50", True, None])
def test_an_amount_is_exact_or_not_at_all(amount):
    with pytest.raises(TypeError, match="Decimal"):
        payment(amount=amount)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "sNaN"])
def test_an_amount_is_a_number(amount):
    with pytest.raises(ValueError, match="finite"):
        payment(amount=Decimal(amount))


@pytest.mark.parametrize(("amount", "text"), [("12.50", "12.50"), ("1E+3", "1000"), ("1E-4", "0.0001")])
def test_an_amount_is_sent_as_it_is_written(amount, text):
    assert payment(amount=Decimal(amount)).as_json()["amount"] == text


def test_a_time_without_a_zone_is_refused():
    without = datetime(2026, 11, 20, 12, 0)  # noqa: DTZ001 (what this is about)

    with pytest.raises(ValueError, match="occurred_at must have a time zone"):
        payment(occurred_at=without)
    with pytest.raises(ValueError, match="known_at must have a time zone"):
        Label(transaction_id="t", label="fraud", source="customer", known_at=without)


def test_what_is_not_known_is_not_sent():
    assert "device_id" not in payment().as_json()
    assert Verdict(verdict="fraud").as_json() == {"verdict": "fraud"}


def test_a_payment_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        payment().amount = Decimal(1)


def test_extra_that_is_no_json_is_refused_before_it_is_sent(connect, faulty):
    client = connect(faulty.url)

    with pytest.raises(TypeError):
        client.decide(payment(extra={"when": NOON}))
    with pytest.raises(ValueError, match="JSON"):
        client.decide(payment(extra={"much": float("inf")}))

    assert faulty.received == []
