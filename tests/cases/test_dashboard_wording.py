"""Figures in words: intervals, changes, lengths of time; and the days that are asked for."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import durations
from cases.dashboard import wording
from cases.dashboard.span import Span
from cases.dashboard.sums import Share, Sums, total

NOW = datetime(2026, 11, 22, 12, 3, tzinfo=UTC)
WEEK = Span(date(2026, 11, 16), date(2026, 11, 22), NOW)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"), [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0)]
)
def test_intervals_are_wilsons(part, whole, low, high):
    assert Share(part, whole).interval == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 10**9).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))))
def test_an_interval_holds_its_share_and_stays_within_zero_and_one(parts):
    share = Share(*parts)

    low, high = share.interval

    assert 0 <= low <= share.value + 1e-12
    assert share.value - 1e-12 <= high <= 1


def test_of_nothing_there_is_no_share():
    assert Share(0, 0).value is None
    assert Share(0, 0).interval is None
    assert wording.share(Share(0, 0)) == wording.interval(Share(0, 0)) == "–"


@pytest.mark.parametrize(
    ("now", "before", "good", "said", "css"),
    [
        (150, 100, 1, "50% more than the day before, better", "good"),
        (150, 100, -1, "50% more than the day before, worse", "bad"),
        (80, 100, -1, "20% less than the day before, better", "good"),
        (80, 100, 0, "20% less than the day before", "plain"),
        (250, 100, -1, "2.5 times the day before, worse", "bad"),
        (0, 100, 1, "100% less than the day before, worse", "bad"),
        (100.2, 100, 1, "as much as the day before", "plain"),
        (5, 0, 1, "none in the day before", "plain"),
        (0, 0, 1, "none in the day before either", "plain"),
    ],
)
def test_changes_are_said_and_judged(now, before, good, said, css):
    delta = wording.change(now, before, "the day before", good=good)

    assert (delta.text, delta.css) == (said, css)


def test_longer_is_a_change_of_time():
    delta = wording.change(120, 100, "the day before", good=-1, words=("longer", "shorter"))

    assert (delta.text, delta.arrow) == ("20% longer than the day before, worse", "up")


@pytest.mark.parametrize(
    ("now", "before", "said", "css"),
    [
        (Share(900, 1000), Share(700, 1000), "20.0 points more than it, better", "good"),
        (Share(700, 1000), Share(900, 1000), "20.0 points less than it, worse", "bad"),
        (Share(9, 10), Share(7, 10), "20.0 points more than it, may be chance", "plain"),
        (Share(1, 2), Share(2, 4), "the same as it", "plain"),
        (Share(1, 2), Share(0, 0), "no figure for it", "plain"),
    ],
)
def test_a_share_that_may_have_changed_by_chance_is_not_judged(now, before, said, css):
    delta = wording.share_change(now, before, "it", good=1)

    assert (delta.text, delta.css) == (said, css)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (90, "1.5 min"),
        (600, "10 min"),
        (5400, "1.5 h"),
        (36_000, "10 h"),
        (432_000, "5 days"),
    ],
)
def test_lengths_have_two_digits_and_a_unit(seconds, said):
    assert wording.length(timedelta(seconds=seconds)) == said


def test_amounts_have_their_currencys_decimals_while_they_are_small():
    assert wording.amount(Decimal("999.5"), "EUR") == "999.50"
    assert wording.amount(Decimal("999.5"), "JPY") == "1,000"
    assert wording.amount(Decimal("12345.67"), "EUR") == "12,346"


@given(st.lists(st.integers(0, 50), min_size=durations.CLASSES, max_size=durations.CLASSES))
def test_a_median_lies_in_the_class_of_the_middle(counts):
    middle = durations.median(counts)

    if not any(counts):
        assert middle is None
        return
    seconds = middle.total_seconds()
    at_least_half_up_to = sum(n for n, end in zip(counts, [*durations.BOUNDS, 1e9], strict=True) if end <= seconds + 1)
    below = sum(n for n, start in zip(counts, [0, *durations.BOUNDS], strict=True) if start < seconds + 1)
    assert at_least_half_up_to <= sum(counts) / 2 + 50
    assert below >= sum(counts) / 2


def test_the_median_of_one_class_is_its_middle():
    counts = [0] * durations.CLASSES
    counts[durations.BOUNDS.index(60)] = 7

    assert durations.median(counts) == timedelta(seconds=55)


def test_classes_lie_close_and_ages_have_words():
    assert list(durations.BOUNDS) == sorted(set(durations.BOUNDS))
    pairs = list(zip(durations.BOUNDS[1:], durations.BOUNDS[2:], strict=False))
    assert all(above / below <= 1.34 for below, above in pairs if above <= 86_400)
    assert all(above / below <= 1.5 for below, above in pairs)
    assert len(durations.AGE_WORDS) == len(durations.AGES) + 1


def test_what_runs_is_compared_with_as_much_of_the_time_before():
    assert WEEK.is_running
    assert WEEK.comparable_until == datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert (WEEK.before_since, WEEK.before_until) == (
        datetime(2026, 11, 9, tzinfo=UTC),
        datetime(2026, 11, 15, 12, tzinfo=UTC),
    )
    assert WEEK.before_words == "the 7 days before, up to 12:00"


def test_what_is_over_is_compared_with_as_many_days():
    span = Span(date(2026, 11, 1), date(2026, 11, 10), NOW)

    assert span.before_since == datetime(2026, 10, 22, tzinfo=UTC)
    assert span.before_until == span.since
    assert (span.title, span.before_words) == ("1 Nov 2026 to 10 Nov 2026", "the 10 days before")


@pytest.mark.parametrize(("first", "last", "title"), [(16, 22, "Last 7 days"), (22, 22, "Today"), (3, 3, "3 Nov 2026")])
def test_days_have_a_title(first, last, title):
    assert Span(date(2026, 11, first), date(2026, 11, last), NOW).title == title


def test_sums_add_up_by_name():
    both = total([Sums(approved=2, missed_amount=Decimal(5)), Sums(approved=1, declined=3)])

    assert (both.approved, both.payments, both.missed_amount) == (3, 6, 5)
    assert total([]) == Sums()
