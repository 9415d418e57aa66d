"""The map of where a card paid."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from cases import land, places
from cases.land import Window
from cases.travel import Stop, hops_of, kilometres
from tests.factories import HOUR, MINUTE, NOON

LYON, PARIS, RIGA, SUVA, APIA = (45.76, 4.84), (48.86, 2.35), (56.95, 24.11), (-18.14, 178.44), (-13.83, -171.76)


def stop(place=LYON, ago=HOUR, **others):
    latitude, longitude = place if place else (None, None)
    return Stop(NOON - ago, latitude, longitude, **others)


def point(place):
    return place[1], place[0]


def test_distances_are_those_of_the_atlas():
    assert round(kilometres(point(LYON), point(PARIS))) in range(385, 400)
    assert round(kilometres(point(SUVA), point(APIA))) in range(1120, 1180)
    assert kilometres(point(LYON), point(LYON)) == 0


def test_a_step_no_airliner_makes_is_called_impossible():
    drawn = places.describe(
        [
            stop(RIGA, ago=0 * MINUTE, where="Kiosk", country="LV", is_alert=True),
            stop(LYON, ago=40 * MINUTE, where="Café", country="FR"),
        ]
    )

    (said,) = drawn.impossible
    assert said.startswith("Café (FR) to Kiosk (LV): 1,8")
    assert " km in 40 min, 2,7" in said
    assert said.endswith("km/h: faster than an airliner")
    (way,) = drawn.map.ways
    assert way.is_impossible
    assert way.note.endswith("km in 40 min")


def test_a_flight_and_a_shop_round_the_corner_are_possible():
    assert not hops_of([stop(RIGA), stop(LYON, ago=5 * HOUR)])[0].is_impossible
    near = (45.9, 4.9)
    assert not hops_of([stop(near, ago=0 * MINUTE), stop(LYON, ago=timedelta(0))])[0].is_impossible


def test_countries_are_counted_and_the_case_marked_without_any_coordinates():
    drawn = places.describe(
        [stop(None, country="DE"), stop(None, country="DE"), stop(None, country="FR", is_alert=True), stop(None)]
    )

    assert drawn.map is None
    assert drawn.countries == ("DE 2", "FR 1 (this case)")
    assert drawn.without_place == 4


def test_nothing_known_is_nothing_drawn():
    assert places.describe([]) == places.Places(None, (), (), 0, 0)


def test_payments_at_one_place_are_one_spot():
    drawn = places.describe([stop(), stop(), stop(is_alert=True)]).map

    (spot,) = drawn.spots
    assert (spot.count, spot.kind, spot.is_alert) == (3, "alert", True)
    assert drawn.ways == ()
    assert drawn.words == "3 payments with a place, all at one"


def test_over_the_date_line_the_short_way_is_drawn():
    drawn = places.describe([stop(SUVA), stop(APIA, ago=0 * HOUR)]).map

    (way,) = drawn.ways
    assert abs(way.x1 - way.x2) < drawn.width
    assert {line.text for line in drawn.grid if line.x is not None} & {"180° E", "180° W"}


PLACES = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@settings(max_examples=40, deadline=None)
@given(st.lists(PLACES, min_size=1, max_size=12))
def test_every_payment_is_inside_the_picture_wherever_it_was(wheres):
    drawn = places.describe([stop(where, ago=n * HOUR) for n, where in enumerate(wheres)]).map

    assert sum(spot.count for spot in drawn.spots) == len(wheres)
    for spot in drawn.spots:
        assert 0 <= spot.x <= drawn.width
        assert 0 <= spot.y <= drawn.height
    assert 12 <= drawn.scale_width <= 120.1


@settings(max_examples=40, deadline=None)
@given(st.lists(PLACES, min_size=1, max_size=6))
def test_the_same_is_drawn_the_same(wheres):
    stops = [stop(where, ago=n * HOUR) for n, where in enumerate(wheres)]

    assert places.describe(stops) == places.describe(list(reversed(stops)))


def test_known_towns_are_on_land_and_seas_are_not():
    def is_land(longitude, latitude):
        """Cut a tiny window: all of it, or nothing of it, is land."""
        small = Window(longitude - 0.01, latitude - 0.01, longitude + 0.01, latitude + 0.01)
        return bool(land.land_in(small))

    assert is_land(2.35, 48.86)
    assert is_land(-99.1, 19.4)
    assert is_land(133.9, -23.7)
    assert is_land(2.35 + 360, 48.86)
    assert not is_land(-30, 40)
    assert not is_land(-150, 0)


@settings(max_examples=40, deadline=None)
@given(st.floats(-180, 170), st.floats(-85, 80), st.floats(1, 100), st.floats(1, 60))
def test_cut_land_stays_inside_its_window(west, south, wide, tall):
    window = Window(west, south, west + wide, south + tall)

    for ring in land.land_in(window):
        assert all(window.west - 1e-6 <= x <= window.east + 1e-6 for x, _ in ring)
        assert all(window.south - 1e-6 <= y <= window.north + 1e-6 for _, y in ring)


def test_the_scale_is_round_and_the_grid_leaves_room_for_its_numbers():
    drawn = places.describe([stop(LYON), stop(RIGA, ago=9 * HOUR)]).map

    assert str(drawn.scale_km)[0] in "125"
    meridians = sorted(line.x for line in drawn.grid if line.x is not None)
    assert all(second - first > 80 for first, second in pairwise(meridians))
