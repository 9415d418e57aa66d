"""Reasons: which families are told, in which order, and in what words."""

import numpy as np
import pytest

from scoring.features.definitions import BY_NAME, DAY, FEATURES, HOUR, INDEX, MINUTE, NAMES
from scoring.ml.explanations import FAMILY_OF, explain, families, fill_words
from scoring.ml.wording import sentence
from tests.scoring.ml_data import make_vector


def contributions(**values: float) -> np.ndarray:
    row = np.zeros(len(NAMES) + 1, np.float32)
    for name, value in values.items():
        row[INDEX[name]] = value
    return row


def said(name: str, value: float, *, currency: str = "EUR", **others: float) -> str:
    return sentence(BY_NAME[name], make_vector(**{name: value}, **others), currency=currency)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("amount", 1249.0, "The amount is 1,249.00 EUR"),
        ("hour_of_day", 14.0, "It was paid at 14:00 UTC"),
        ("hour_of_day", 3.0, "It was paid at 03:00 UTC"),
        ("card_count_5m", 7.0, "7 earlier payments by this card in 5 minutes"),
        ("card_count_5m", 1.0, "1 earlier payment by this card in 5 minutes"),
        ("card_count_5m", 0.0, "No earlier payments by this card in 5 minutes"),
        ("card_decayed_count_1d", 3.691, "3.7 recent payments by this card, newer ones weighing more"),
        ("card_decayed_count_1d", 0.98, "1 recent payment by this card, newer ones weighing more"),
        ("card_merchants_24h", 1.0, "This card paid at 1 different shop in 24 hours"),
        ("card_small_streak", 4.0, "4 payments under 2.00 in a row just before this one"),
        ("card_amount_24h", 88.5, "This card spent 88.50 EUR in 24 hours before this"),
        ("card_amount_ratio", 33.2, "The amount is 33 times this card's average"),
        ("card_amount_ratio", 0.34, "The amount is 0.3 times this card's average"),
        ("card_amount_deviation", 4.21, "The amount is 4.2 times the usual spread above this card's average"),
        ("card_amount_deviation", -1.5, "The amount is 1.5 times the usual spread below this card's average"),
        ("card_amount_deviation", 0.01, "The amount is right at this card's average"),
        ("card_since_last", 40.0 * MINUTE, "This card's last payment was 40 minutes before"),
        ("card_since_last", 1.0, "This card's last payment was 1 second before"),
        ("card_since_last", 30.0 * DAY, "This card's last payment was 30 days or more before"),
        ("card_since_last", np.nan, "This is the card's first payment here"),
        ("card_age", 3.2 * DAY, "This card has been known for 3 days"),
        ("card_age", 47.0 * HOUR, "This card has been known for 47 hours"),
        ("card_km", 4700.4, "4,700 km from this card's last place"),
        ("card_kmh", 1250.0, "From this card's last place it would have travelled at 1,250 km/h"),
        ("card_is_new_merchant", 1.0, "This card never paid at this shop before"),
        ("card_is_new_merchant", 0.0, "This card has paid at this shop before"),
        ("merchant_fraud_rate_7d", 1 / 94, "Frauds confirmed in 7 days amount to 1 in 94 of this shop's payments"),
        ("merchant_fraud_rate_7d", 0.35, "Frauds confirmed in 7 days amount to 35 % of this shop's payments"),
        ("merchant_fraud_rate_7d", 0.0, "Frauds confirmed in 7 days amount to none of this shop's payments"),
        ("device_cards_7d", 12.0, "This device paid with 12 cards in 7 days"),
        ("device_cards_7d", np.nan, "No device was given"),
        ("card_count_5m", np.nan, "The card's history was not at hand"),
    ],
)  # fmt: skip
def test_a_value_is_said_in_words(name, value, words):
    assert said(name, value) == words


def test_words_name_the_values_of_other_features():
    words = said("card_count_1h", 7.0, card_count_24h=9.0)

    assert words == "7 earlier payments by this card in the last hour; 9 in 24 hours"
    assert said("card_count_1h", 1.0).endswith("; unknown in 24 hours")


@pytest.mark.parametrize(
    ("currency", "amount", "text"),
    [("JPY", 5000.0, "5,000 JPY"), ("KWD", 1.25, "1.250 KWD"), ("EUR", 1234567.9, "1,234,568 EUR")],
)
def test_money_has_the_decimals_of_its_currency_and_of_float32(currency, amount, text):
    assert said("amount", amount, currency=currency) == f"The amount is {text}"


@pytest.mark.parametrize("value", [0.0, 0.004, 1.0, 2.5, 1e7, np.nan])
@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_every_feature_has_words_for_every_value(feature, value):
    words = said(feature.name, value)

    assert words
    assert "{" not in words
    assert "nan" not in words
    assert words[0].isupper() or words[0].isdigit()


def test_a_rule_may_name_features_and_other_braces_stay():
    words = fill_words(
        "{card_count_5m} payments, {nothing}, {amount.__class__}",
        make_vector(card_count_5m=3.0),
        currency="EUR",
    )

    assert words == "3 payments, {nothing}, {amount.__class__}"


def test_contributions_of_a_family_are_one_reason_in_the_words_of_its_strongest():
    row = contributions(card_count_5m=0.4, card_count_1h=0.9, card_count_24h=-0.1)
    vector = make_vector(card_count_5m=4.0, card_count_1h=5.0, card_count_24h=6.0)

    (reason,) = explain(row, vector, currency="EUR")

    assert reason.code == "velocity"
    assert reason.contribution == pytest.approx(1.2, abs=1e-4)
    assert reason.words.startswith("5 earlier payments by this card in the last hour")


def test_words_never_come_from_a_member_that_pulls_the_other_way():
    row = contributions(amount=-0.9, card_amount_ratio=0.7, card_amount_deviation=0.6)
    vector = make_vector(amount=900.0, card_amount_ratio=12.0, card_amount_deviation=5.0)

    (reason,) = explain(row, vector, currency="EUR")

    assert reason.words == "The amount is 12 times this card's average"


def test_the_strongest_come_first_and_one_that_lowers_comes_last():
    row = contributions(amount=0.5, card_count_1h=2.0, card_since_last=-1.5, merchant_count_24h=-0.3, card_km=1.0)

    reasons = explain(row, make_vector(), currency="EUR")

    assert [reason.code for reason in reasons] == ["velocity", "geography", "amount", "recency"]


def test_no_more_reasons_than_asked_for_and_none_too_weak_to_tell():
    row = contributions(amount=0.5, card_count_1h=2.0, card_since_last=-0.2, card_km=1.0, card_small_streak=0.05)

    assert [reason.code for reason in explain(row, make_vector(), currency="EUR", limit=2)] == [
        "velocity", "geography",
    ]  # fmt: skip
    assert len(explain(row, make_vector(), currency="EUR")) == 4


def test_nothing_is_told_when_nothing_contributes():
    assert explain(contributions(), make_vector(), currency="EUR") == []


def test_two_families_never_say_the_same_about_a_missing_value():
    said_by: dict[str, set[str]] = {}
    for family, feature in zip(FAMILY_OF, FEATURES, strict=True):
        said_by.setdefault(feature.empty or feature.name, set()).add(family)

    assert {words: families for words, families in said_by.items() if len(families) > 1} == {}


# --- families beside what is usual ---------------------------------------------------------------------------------


def usual_of(vector: np.ndarray, earlier: list[np.ndarray], **values: float) -> str:
    rows = np.array(earlier, np.float32).reshape(-1, len(NAMES))
    (family,) = families(contributions(**values), vector, rows, currency="EUR")
    return family.usual


def test_all_families_are_told_and_add_up():
    row = contributions(amount=0.5, card_count_1h=2.0, card_count_5m=-0.25, card_since_last=-0.01)

    told = families(row, make_vector(), np.empty((0, len(NAMES)), np.float32), currency="EUR")

    assert [(family.code, family.contribution) for family in told] == [
        ("velocity", 1.75), ("amount", 0.5), ("recency", pytest.approx(-0.01)),
    ]  # fmt: skip


def test_a_ratio_stands_beside_what_was_paid_and_what_is_usual():
    vector = make_vector(amount=212.4, card_amount_ratio=4.0, card_amount_median_ratio=212.4 / 38)

    assert usual_of(vector, [], card_amount_ratio=1.0) == (
        "212.40 EUR; this card usually pays 38.00 EUR (the median of its last 30 payments at most)"
    )
    assert usual_of(make_vector(amount=212.4), [], amount=1.0) == ""


@pytest.mark.parametrize(
    ("name", "value", "earlier", "usual"),
    [
        ("card_count_1h", 7.0, [0.0, 1.0, 1.0, 4.0, np.nan], "this card's usual is 1"),
        ("is_remote", 1.0, [0.0, 0.0, 1.0], "this card's usual is in 1 of 3 payments"),
        ("hour_of_day", 3.0, [9.0, 12.0, 14.0, 17.0], "this card's usual is 12:00 to 14:00"),
        ("hour_of_day", 12.0, [23.0, 0.0, 22.0, 1.0, 23.0, 9.0], "this card's usual is 22:00 to 23:00"),
        ("hour_of_day", 12.0, [23.0, 0.0, 2.0, 0.0, 15.0], "this card's usual is 23:00 to 00:00"),
        ("card_count_1h", 7.0, [1.0, 1.0], ""),
        ("card_count_1h", np.nan, [1.0, 1.0, 1.0], ""),
        ("merchant_fraud_rate_7d", 0.5, [0.1, 0.1, 0.1], ""),
        ("card_frauds_30d", 1.0, [0.0, 0.0, 0.0], ""),
    ],
)
def test_what_is_usual_is_what_the_cards_payments_before_had(name, value, earlier, usual):
    before = [make_vector(**{name: one}) for one in earlier]

    assert usual_of(make_vector(**{name: value}), before, **{name: 1.0}) == usual
