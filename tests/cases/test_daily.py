"""The drawing of payments by day."""

from datetime import date, timedelta

from cases import daily
from cases.daily import Day

FIRST = date(2026, 10, 22)


def month(**numbers):
    """30 days; `d3=(12, 2, 1)` is day 3 with 12 payments, 2 flagged, 1 fraud."""
    return [Day(FIRST + timedelta(days=i), *numbers.get(f"d{i}", (0, 0, 0))) for i in range(30)]


def rows_of(days):
    return {row.name: row for row in daily.draw(days).rows}


def test_bars_are_to_the_scale_of_their_row():
    rows = rows_of(month(d3=(100, 4, 2), d9=(50, 2, 1)))

    for row in rows.values():
        high, low = row.bars
        assert high.height == 2 * low.height
        assert high.y + high.height == row.floor
    assert [row.most for row in rows.values()] == [100, 4, 2]


def test_one_fraud_among_many_payments_is_seen():
    rows = rows_of(month(d3=(1, 0, 1), d9=(20_000, 900, 400)))

    assert all(bar.height >= 2 for row in rows.values() for bar in row.bars)
    assert [len(row.bars) for row in rows.values()] == [2, 1, 2]


def test_everything_is_inside_the_picture_and_in_order():
    chart = daily.draw([Day(FIRST + timedelta(days=i), 5, 5, 5) for i in range(30)])

    for row in chart.rows:
        xs = [bar.x for bar in row.bars]
        assert xs == sorted(xs)
        assert xs[0] >= chart.left
        assert row.bars[-1].x + row.bars[-1].width <= chart.right
        assert all(chart.top <= bar.y <= chart.floor for bar in row.bars)
    assert len(chart.columns) == 30


def test_each_day_says_its_numbers():
    titles = [column.title for column in daily.draw(month(d0=(1200, 3, 1))).columns]

    assert titles[0] == "22 Oct: 1,200 payments, 3 flagged, 1 confirmed fraud"
    assert titles[1] == "23 Oct: 0 payments"


def test_the_last_day_is_named_and_each_seventh_before_it():
    assert [tick.text for tick in daily.draw(month()).ticks] == ["23 Oct", "30 Oct", "6 Nov", "13 Nov", "20 Nov"]


def test_the_words_say_when_most_happened():
    said = daily.draw(month(d3=(100, 4, 0), d9=(50, 2, 2))).words

    assert said == (
        "150 payments from 22 Oct to 20 Nov, most on 25 Oct (100); 6 flagged, 2 confirmed fraud,"
        " most fraud on 31 Oct (2)"
    )


def test_no_payments_are_said():
    assert daily.draw(month()).words == "No payments from 22 Oct to 20 Nov"


def test_days_that_were_not_counted_are_not_shown_as_empty():
    columns = daily.draw([Day(FIRST, is_counted=False), Day(FIRST + timedelta(days=1), 3)]).columns

    assert [column.is_counted for column in columns] == [False, True]
    assert columns[0].title == "22 Oct: not counted"
