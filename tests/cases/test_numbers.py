"""The numbers behind a reason."""

import numpy as np
import pytest

from cases import numbers
from scoring.features.definitions import BY_NAME, INDEX, NAMES


def vector(**values):
    made = np.full(len(NAMES), np.nan, np.float32)
    for name, value in values.items():
        made[INDEX[name]] = value
    return made


def numbers_of(names, this, *others, told=""):
    matrix = np.array(others, np.float32).reshape(-1, len(NAMES))
    return numbers.numbers_of([BY_NAME[name] for name in names], this, matrix, currency="EUR", told=told)


def test_a_reason_of_the_model_has_the_features_of_its_family():
    names = [feature.name for feature in numbers.features_behind("velocity", "")]

    assert "card_count_1h" in names
    assert "amount" not in names


def test_a_rule_has_the_features_it_names_once():
    behind = numbers.features_behind("burst", "card_count_1h > 5 AND card_count_1h < 90 AND channel = 'pos'")

    assert [feature.name for feature in behind] == ["card_count_1h"]


def test_a_list_has_none():
    assert numbers.features_behind("block_list", "") == []


def test_usual_is_the_median_of_the_cards_other_payments():
    this, others = vector(card_count_5m=7), [vector(card_count_5m=n) for n in (0, 1, 30)]

    (number,) = numbers_of(["card_count_5m"], this, *others, told="7 earlier payments by this card in 5 minutes")

    assert number.words == "7 earlier payments by this card in 5 minutes"
    assert number.usual == "1"
    assert number.is_told


def test_money_is_told_in_its_currency():
    (number,) = numbers_of(["amount"], vector(amount=1249), vector(amount=40), vector(amount=41))

    assert (number.words, number.usual) == ("The amount is 1,249.00 EUR", "40.50 EUR")


def test_flags_and_hours_have_no_median():
    others = [vector(is_remote=n, hour_of_day=10 + n) for n in (0, 0, 1)]

    flag, hour = numbers_of(["is_remote", "hour_of_day"], vector(is_remote=1, hour_of_day=3), *others)

    assert flag.usual == "in 1 of 3 payments"
    assert hour.usual == "10:00"


def test_what_no_other_payment_has_is_not_compared():
    unknown, nobody = numbers_of(["amount"], vector(amount=1), vector())[0], numbers_of(["amount"], vector(amount=1))[0]

    assert unknown.usual == nobody.usual == "nothing to compare"


def test_what_nobody_knows_is_left_out():
    assert numbers_of(["amount"], vector(), vector()) == []


@pytest.mark.parametrize(
    ("contribution", "said"),
    [
        (1.8, "Together they multiply the odds of fraud by 6.0."),
        (-0.6, "Together they divide the odds of fraud by 1.8."),
        (8.0, "Together they multiply the odds of fraud by 2,981."),
        (None, "A rule or a list asked for this, whatever the score."),
    ],
)
def test_the_share_is_said_in_words(contribution, said):
    assert numbers.share_words(contribution) == said
