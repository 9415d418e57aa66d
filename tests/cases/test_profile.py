"""What payments add up to."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from cases import profile
from cases.profile import Group

TODAY = date(2026, 11, 20)


def group(payments=1, *, outcome="approve", is_fraud=False, currency="EUR", day=TODAY, amount="10"):
    return Group(day, currency, outcome, is_fraud, payments, Decimal(amount))


def test_shares_are_of_all_payments():
    figures = profile.figures_of(
        [group(180), group(12, outcome="decline"), group(7, outcome="review"), group(1, is_fraud=True)]
    )

    assert (figures.payments, figures.declined, figures.reviewed, figures.fraud) == (200, 12, 7, 1)
    assert (figures.declined_share, figures.reviewed_share, figures.fraud_rate) == ("6.0 %", "3.5 %", "0.5 %")


@pytest.mark.parametrize(
    ("fraud", "others", "said"), [(0, 5, "0 %"), (1, 4999, "under 0.1 %"), (1, 3, "25 %"), (3, 0, "100 %")]
)
def test_a_share_is_never_nothing_of_something(fraud, others, said):
    groups = [group(number, is_fraud=is_fraud) for number, is_fraud in ((fraud, True), (others, False)) if number]

    assert profile.figures_of(groups).fraud_rate == said


def test_amounts_are_added_up_by_currency_and_the_rare_ones_left_out():
    figures = profile.figures_of(
        [
            group(9, amount="1000.50"),
            group(2, amount="0.50", outcome="decline"),
            group(5, currency="JPY", amount="70000"),
            group(3, currency="KWD", amount="1.5"),
            group(1, currency="USD"),
            group(1, currency="GBP"),
        ]
    )

    assert figures.amounts == ("1,001.00 EUR", "70,000 JPY", "1.500 KWD")
    assert figures.currencies_left_out == 2


def test_nothing_adds_up_to_nothing():
    figures = profile.figures_of([])

    assert (figures.payments, figures.amounts, figures.fraud_rate) == (0, (), "0 %")


def test_days_hold_what_happened_on_them():
    days = profile.days_of(
        [group(3), group(2, outcome="review", is_fraud=True), group(1, outcome="decline", day=TODAY - timedelta(29))],
        last=TODAY,
        counted_from=TODAY - timedelta(29),
    )

    assert len(days) == 30
    assert (days[0].payments, days[0].flagged, days[0].fraud) == (1, 1, 0)
    assert (days[-1].day, days[-1].payments, days[-1].flagged, days[-1].fraud) == (TODAY, 5, 2, 2)
    assert all(day.is_counted for day in days)


def test_a_payment_dated_a_little_ahead_is_on_the_last_day():
    days = profile.days_of([group(1, day=TODAY + timedelta(1))], last=TODAY, counted_from=TODAY)

    assert days[-1].payments == 1


def test_days_before_the_count_are_marked():
    days = profile.days_of([group()], last=TODAY, counted_from=TODAY - timedelta(2))

    assert [day.is_counted for day in days] == [False] * 27 + [True] * 3
