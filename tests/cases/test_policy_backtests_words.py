"""The sentence at the head of a backtest."""

from datetime import timedelta

import pytest

from cases.policy import backtests_words


def outline(*currencies, a_day=4.0, capacity=10, days_over=0, frauds=5):
    return {
        "judged": 100,
        "labels": {"fraud": frauds},
        "currencies": [currency(*one) for one in currencies],
        "alerts": {
            "capacity": capacity,
            "days": 7,
            "baseline": {"a_day": 1.0, "days_over": 0},
            "draft": {"a_day": a_day, "days_over": days_over},
        },
    }


def currency(name, frauds=0, money="0", bothered=0):
    """What the draft does beyond a baseline that stops 10 frauds of 1,000 and bothers 20."""
    return {
        "currency": name,
        "baseline": {"frauds_caught": 10, "money_stopped": "1000", "false_positives": 20},
        "draft": {
            "frauds_caught": 10 + frauds,
            "money_stopped": str(1000 + float(money)),
            "false_positives": 20 + bothered,
        },
    }


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            outline(("EUR", 12, "4310", 31), a_day=412.0, capacity=300),
            "Stops 12 more frauds worth 4,310.00 EUR and bothers 31 more customers; "
            "412 alerts a day, 112 over what the team can review.",
        ),
        (
            outline(("EUR", -1, "-50", -1)),
            "Misses 1 more fraud worth 50.00 EUR and bothers 1 fewer customer; "
            "4 alerts a day, of 10 the team can review.",
        ),
        (
            outline(("EUR", 2, "-50"), days_over=1),
            "Stops 2 more frauds, −50.00 EUR in worth, and bothers no customer more or less; "
            "4 alerts a day: the team can review 10, which 1 day of 7 go over.",
        ),
        (
            outline(("EUR", 2, "50"), ("JPY", 1, "700")),
            "Stops 3 more frauds worth 50.00 EUR and 700 JPY and bothers no customer more or less; "
            "4 alerts a day, of 10 the team can review.",
        ),
        (
            outline(("EUR",)),
            "Stops the same number of frauds and bothers no customer more or less; "
            "4 alerts a day, of 10 the team can review.",
        ),
        (
            outline(("EUR",), frauds=0, a_day=2.5),
            "No fraud is known in these days, so what it stops cannot be told. "
            "2.5 alerts a day, of 10 the team can review.",
        ),
        ({"judged": 0}, "No payment of these days could be tried."),
    ],
)
def test_it_says_frauds_customers_and_alerts(found, said):
    assert backtests_words.verdict(found) == said


def test_what_was_left_out_is_said_with_its_reason():
    assert backtests_words.left_out({"other_features": 1, "unreadable": 0}) == [
        "1 payment decided with another feature table"
    ]


def test_what_is_taken_for_granted_is_said():
    found = {"fraud": 2, "legitimate": 1, "taken": 5, "unknown": 2, "mature": 5}

    said = backtests_words.labels(found, timedelta(days=30))

    assert "taken as legitimate 5 (no label 30 days after the payment), not known yet 2" in said
    assert "50% of the payments are old enough" in said
