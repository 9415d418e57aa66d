"""The drawing of a card's payments."""

from decimal import Decimal

import pytest

from cases import timeline
from cases.timeline import Payment
from tests.factories import DAY, HOUR, MINUTE, NOON


def payment(amount=40, ago=DAY, **others):
    return Payment(NOON - ago, Decimal(amount), others.pop("currency", "EUR"), **others)


def draw(*payments):
    return timeline.draw(payments, currency="EUR", until=NOON)


def test_amounts_are_to_scale():
    low, high = sorted(draw(payment(50), payment(100)).dots, key=lambda dot: dot.radius)
    floor = timeline._FLOOR - 4

    assert round((floor - high.y) / (floor - low.y), 2) == 2


def test_time_runs_to_the_right_and_the_last_hour_has_room():
    agos = [30 * DAY, 2 * DAY, 20 * HOUR, 2 * HOUR, 50 * MINUTE, 10 * MINUTE, 0 * MINUTE]

    xs = sorted(dot.x for dot in draw(*[payment(ago=ago) for ago in agos]).dots)

    assert len(set(xs)) == len(agos)
    assert xs == [timeline._x(timeline.SPANS["month"], ago) for ago in agos]
    assert xs[-1] - xs[-2] > 20
    assert xs[0] >= 0
    assert xs[-1] <= timeline.WIDTH


def test_everything_is_inside_the_picture():
    for dot in draw(payment(1), payment(10**12, ago=HOUR), payment("0.01", ago=30 * DAY)).dots:
        assert dot.left >= 0
        assert dot.x + dot.radius <= timeline.WIDTH
        assert dot.top >= 0
        assert dot.y + dot.radius <= timeline.HEIGHT


def test_usual_is_the_median_of_the_others():
    line = draw(payment(10), payment(20), payment(90), payment(5000, is_alert=True))

    assert line.usual == "usual 20.00"
    assert "3 other payments in 30 days, 10.00 to 90.00 EUR, usually 20.00" in line.words
    assert "1 in this case, the largest 5,000.00 EUR" in line.words


def test_labels_show_by_kind_and_the_case_by_its_mark():
    kinds = {
        dot.kind: dot.is_alert
        for dot in draw(payment(label="fraud"), payment(label="legitimate"), payment(is_alert=True), payment()).dots
    }

    assert kinds == {"fraud": False, "legitimate": False, "alert": True, "plain": False}


def test_the_largest_of_the_case_and_of_the_others_are_named():
    notes = [dot.note for dot in draw(payment(10), payment(20), payment(30, is_alert=True)).dots if dot.note]

    assert sorted(notes) == ["20.00", "30.00"]


def test_an_amount_near_the_usual_is_not_written_over_it():
    notes = [dot.note for dot in draw(payment(20), payment(21), payment(500, is_alert=True)).dots if dot.note]

    assert notes == ["500.00"]


def test_other_currencies_and_older_payments_are_left_out():
    assert len(draw(payment(), payment(currency="JPY"), payment(ago=31 * DAY)).dots) == 1


def test_a_first_payment_is_drawn_alone():
    line = draw(payment(is_alert=True, ago=0 * DAY))

    assert line.usual_y is None
    assert line.words.startswith("No other payments in 30 days; 1 in this case")


def test_no_payments_is_an_empty_picture():
    assert draw().dots == ()


@pytest.mark.parametrize("span", ["month", "week", "day"])
def test_every_span_holds_its_payments_and_no_older_ones(span):
    length = timeline.SPANS[span].length
    payments = [payment(ago=length), payment(ago=length / 3), payment(ago=0 * DAY), payment(ago=length + MINUTE)]

    line = timeline.draw(payments, currency="EUR", until=NOON, span=span)

    assert len(line.dots) == 3
    for dot in line.dots:
        assert dot.left >= 0
        assert dot.x + dot.radius <= line.width
    places = [tick.x for tick in line.ticks]
    assert places == sorted(places)


def test_usual_is_of_the_month_in_a_shorter_span_too():
    line = timeline.draw([payment(10, ago=9 * DAY), payment(20, ago=HOUR)], currency="EUR", until=NOON, span="day")

    assert line.usual == "usual 15.00"


def test_a_declined_payment_is_crossed_and_says_so():
    (dot,) = draw(payment(is_declined=True)).dots

    assert dot.is_declined
    assert dot.title.endswith("declined")
    assert dot.cross.startswith("M")
