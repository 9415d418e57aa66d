"""Shares, kappa and times against values computed by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.agreement import Share, Times, cohens_kappa
from scoring.intervals import wilson


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        # (p + z²/2n ± z√(p(1-p)/n + z²/4n²)) / (1 + z²/n) with z = 1.96
        (10, 20, 0.2993, 0.7007),
        (81, 100, 0.7222, 0.8749),
        (0, 20, 0.0, 0.1611),
        (20, 20, 0.8389, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_interval_of_a_share_is_wilsons(part, whole, low, high):
    assert wilson(part, whole) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000), st.data())
def test_an_interval_holds_its_share_and_stays_between_0_and_1(whole, data):
    part = data.draw(st.integers(0, whole))

    low, high = wilson(part, whole)

    assert 0 <= low <= part / whole <= high <= 1


def test_kappa_of_a_table_by_hand():
    # 50 pairs: 20 + 15 agree, so 0.7; margins 25/25 and 30/20: by chance 0.5*0.6 + 0.5*0.4 = 0.5; kappa 0.4.
    pairs = {("fraud", "fraud"): 20, ("fraud", "legitimate"): 5, ("legitimate", "fraud"): 10}
    kappa = cohens_kappa({**pairs, ("legitimate", "legitimate"): 15})

    assert kappa is not None
    assert kappa.value == pytest.approx(0.4)
    # Its standard error is √(0.7*0.3 / (50*0.25)) = 0.12961.
    assert (kappa.low, kappa.high) == pytest.approx((0.14595, 0.65405), abs=1e-4)
    assert kappa.is_telling


def test_kappa_is_1_when_all_agree_and_cannot_be_told_when_all_say_the_same():
    agreeing = cohens_kappa({("fraud", "fraud"): 3, ("legitimate", "legitimate"): 4})
    assert agreeing is not None
    assert agreeing.value == 1
    assert not agreeing.is_telling
    assert cohens_kappa({("fraud", "fraud"): 30}) is None
    assert cohens_kappa({}) is None


def test_shares_add_up_and_few_tell_nothing():
    share = Share(9, 10) + Share(9, 9)

    assert (share.part, share.whole, share.is_telling) == (18, 19, False)
    assert (share + Share(0, 1)).is_telling
    assert Share(0, 0).value == 0


def test_the_typical_time_is_the_geometric_mean():
    # √(10*40) = 20; logs differ from the mean by ±0.6931, so the error is 0.9803/√2 and the factor exp(1.3586).
    times = Times.of(10) + Times.of(40)

    assert times.typical == pytest.approx(20)
    assert times.interval == pytest.approx((20 / 3.8909, 20 * 3.8909), rel=1e-3)
    assert Times().typical == 0
    assert Times.of(5).interval == (0.0, 0.0)
