"""Charts: scales, ticks and paths hold whatever numbers they are given."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.charts import chart
from cases.charts.chart import Picture, Series, draw
from cases.charts.scale import Scale, nice_ticks, percent, short
from cases.charts.sparkline import HEIGHT, sparkline
from cases.templatetags.charts import table_rows

amounts = st.floats(0, 1e12, allow_nan=False).filter(lambda number: number == 0 or number > 1e-6)
numbers = st.lists(amounts, min_size=1, max_size=100)
gaps = st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=60)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def picture(*series, **values):
    count = len(series[0].values)
    names = [str(number) for number in range(count)]
    return Picture("p", "P", "words", names, series, short, ["Day"], [], **values)


def drawn_numbers(drawn):
    return [float(number) for shape in drawn.shapes for number in NUMBER.findall(shape.path)]


@given(low=amounts, high=amounts)
def test_ticks_are_even_hold_everything_and_zero(low, high):
    ticks = nice_ticks(-low, high)

    assert ticks[0] <= -low
    assert ticks[-1] >= high * (1 - 1e-9)
    assert 0 in ticks
    assert 2 <= len(ticks) <= 8
    steps = [after - before for before, after in pairwise(ticks)]
    assert min(steps) > 0
    assert max(steps) == pytest.approx(min(steps))


@pytest.mark.parametrize(
    ("high", "expected"), [(0, [0, 0.25, 0.5, 0.75, 1]), (7, [0, 2, 4, 6, 8]), (99, [0, 25, 50, 75, 100])]
)
def test_ticks_are_round(high, expected):
    assert nice_ticks(0, high) == expected


def test_ticks_of_counts_are_whole():
    assert nice_ticks(0, 2, least_step=1) == [0, 1, 2]
    assert nice_ticks(0, 0, least_step=1) == [0, 1]


@given(values=st.lists(amounts, min_size=2, max_size=20))
def test_what_is_more_is_drawn_higher(values):
    scale = Scale(0, max(values) + 1, 184, 22)

    ys = [scale(value) for value in sorted(values)]

    assert ys == sorted(ys, reverse=True)
    assert all(22 <= y <= 184 for y in ys)


@given(up=numbers, below=numbers)
def test_bars_stay_on_the_paper(up, below):
    count = min(len(up), len(below))
    drawn = draw(
        picture(
            Series("A", "a", up[:count]), Series("B", "b", up[:count]), Series("C", "c", below[:count], is_below=True)
        )
    )

    tops = [tick.y for tick in drawn.y_ticks]
    assert all(chart._TOP <= y <= chart._FLOOR for y in tops)
    assert all(abs(number) <= chart.WIDTH for number in drawn_numbers(drawn))
    for shape in drawn.shapes:
        for _, y, _, height in boxes(shape.path):
            assert y >= chart._TOP - 0.2
            assert y + height <= chart._FLOOR + 0.2


def boxes(path):
    for box in path.split("z")[:-1]:
        x, y, width, height, _ = (float(number) for number in NUMBER.findall(box))
        yield x, y, width, height


@given(values=gaps)
def test_lines_break_where_nothing_is_known(values):
    drawn = draw(picture(Series("A", "a", values, is_line=True, lower=values, upper=values), most=1.0))

    (band, line) = drawn.shapes
    known = [value is not None for value in values]
    stretches = sum(is_known and not before for before, is_known in pairwise([False, *known]))
    assert line.path.count("M") == band.path.count("M") == stretches
    assert "nan" not in line.path + band.path
    assert "inf" not in line.path + band.path


def test_one_column_is_drawn():
    drawn = draw(picture(Series("A", "a", [3.0]), Series("B", "b", [2.0], is_line=True)))

    assert [tick.text for tick in drawn.x_ticks] == ["0"]
    assert len(list(boxes(drawn.shapes[0].path))) == 1
    assert drawn.shapes[1].path.startswith("M")


def test_nothing_is_drawn_of_nothing():
    drawn = draw(picture(Series("A", "a", [0.0, None]), Series("B", "b", [None, None], is_line=True)))

    assert [shape.path for shape in drawn.shapes] == ["", ""]
    assert drawn.zero == chart._FLOOR


def test_stacks_stand_on_each_other_and_losses_hang_below_zero():
    drawn = draw(picture(Series("A", "a", [10.0]), Series("B", "b", [20.0]), Series("C", "c", [30.0], is_below=True)))

    a, b, c = (next(boxes(shape.path)) for shape in drawn.shapes)
    assert b[3] == pytest.approx(2 * a[3], abs=0.4)
    assert b[1] + b[3] == pytest.approx(a[1], abs=0.2)
    assert c[1] == drawn.zero == pytest.approx(a[1] + a[3], abs=0.2)


@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_names_of_series_do_not_cover_each_other(values):
    drawn = draw(picture(*(Series(str(i), "a", [value], is_line=True) for i, value in enumerate(values))))

    ys = [label.y for label in drawn.labels]
    assert all(below - above >= 13.9 for above, below in pairwise(ys))
    assert ys[-1] <= chart._FLOOR + 0.1


@pytest.mark.parametrize("count", [1, 2, 7, 24, 30, 90])
def test_the_last_column_is_named_and_few_others(count):
    drawn = draw(picture(Series("A", "a", [1.0] * count)))

    assert drawn.x_ticks[-1].text == str(count - 1)
    assert len(drawn.x_ticks) <= 8


@pytest.mark.parametrize(("hours", "every"), [(24, 4), (48, 8)])
def test_hours_are_named_from_midnight(hours, every):
    drawn = draw(picture(Series("A", "a", [1.0] * hours), is_by_hour=True))

    assert [int(tick.text) for tick in drawn.x_ticks] == list(range(0, hours, every))


def test_what_may_grow_is_shaded_to_the_end():
    drawn = draw(picture(Series("A", "a", [1.0] * 10), shaded_from=5))

    assert drawn.shade_x == pytest.approx((drawn.left + drawn.right) / 2)
    assert drawn.shade_x + drawn.shade_width == drawn.right


def test_words_of_a_mark_lean_to_where_there_is_room():
    drawn = draw(picture(Series("A", "a", [1.0] * 10), marks=[(1, "policy 2"), (9, "policy 3")]))

    assert [(mark.anchor, mark.text) for mark in drawn.marks] == [("start", "policy 2"), ("end", "policy 3")]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0"),
        (0.25, "0.25"),
        (2.5, "2.5"),
        (950, "950"),
        (1000, "1k"),
        (12_500, "12.5k"),
        (5.6e6, "5.6M"),
        (1e9, "1bn"),
    ],
)
def test_axes_write_short_numbers(number, said):
    assert short(number) == said


@pytest.mark.parametrize(
    ("share", "said"), [(0, "0%"), (1, "100%"), (0.123, "12%"), (0.05, "5%"), (0.0151, "1.5%"), (0.0002, "0.02%")]
)
def test_shares_are_told_from_zero(share, said):
    assert percent(share) == said


@given(values=st.lists(st.integers(0, 10**9), min_size=1, max_size=60))
def test_a_sparkline_shows_every_day_that_had_something(values):
    drawn = list(boxes(sparkline(values)))

    assert len(drawn) == sum(value > 0 for value in values)
    assert all(y >= 0 and y + height <= HEIGHT + 0.1 for _, y, _, height in drawn)


def test_rows_of_a_table_are_text():
    assert table_rows([["<b>", "1"], ["x", "&"]]) == (
        '<tr><th scope="row">&lt;b&gt;</th><td class="r">1</td></tr>\n'
        '<tr><th scope="row">x</th><td class="r">&amp;</td></tr>\n'
    )
