"""The drawing of who stands together with a card."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from cases import graph
from cases.entity import Entity

MARKS = st.sampled_from(["", "fraud", "open", "legitimate", "more"])


def node(key, column, *, label="x", mark=""):
    facts = "facts" if column < 2 else ""
    return graph.Node(key, column, Entity("card", key), label, facts, f"title of {key}", mark)


@st.composite
def pictures(draw):
    """One card, up to 15 things and up to 25 other cards, tied in any way."""
    things = [f"thing-{i}" for i in range(draw(st.integers(0, 15)))]
    cards = [f"card-{i}" for i in range(draw(st.integers(0, 25)))]
    labels = st.sampled_from(["", "x", "device-of-many", "<b>" * 20, "ü" * 64])
    nodes = [node("this", 0), *(node(key, 1, label=draw(labels), mark=draw(MARKS)) for key in things)]
    nodes += [node(key, 2, label=draw(labels), mark=draw(MARKS)) for key in cards]
    ends = st.tuples(st.sampled_from([*things, "gone"]), st.sampled_from([*cards, "gone"]))
    edges = [graph.Edge(a, b, draw(st.integers(1, 500)), "") for a, b in draw(st.lists(ends, max_size=40))]
    return nodes, edges


@settings(max_examples=40, deadline=None)
@given(pictures())
def test_no_box_lies_on_another_and_all_are_inside_the_picture(picture):
    drawing = graph.draw(*picture)

    for box in drawing.boxes:
        assert box.x >= 0
        assert box.right <= drawing.width
        assert box.y >= 0
        assert box.y + box.height <= drawing.height
    for one, other in combinations(drawing.boxes, 2):
        is_beside = one.right < other.x or other.right < one.x
        assert is_beside or one.y + one.height < other.y or other.y + other.height < one.y


@settings(max_examples=40, deadline=None)
@given(pictures())
def test_the_same_is_drawn_the_same_way_whatever_order_the_ties_come_in(picture):
    nodes, edges = picture

    again = graph.draw(nodes, list(reversed(edges)))

    assert graph.draw(nodes, edges).boxes == again.boxes
    assert sorted(line.path for line in graph.draw(nodes, edges).lines) == sorted(line.path for line in again.lines)


@settings(max_examples=40, deadline=None)
@given(st.text("ab€", max_size=200), st.integers(4, 40))
def test_labels_are_no_longer_than_their_room_and_keep_their_end(text, letters):
    short = graph.shortened(text, letters)

    assert len(short) <= letters
    assert short == text or short[-(letters // 3) :] == text[-(letters // 3) :]


def test_cards_stand_beside_what_they_are_tied_to():
    nodes = [node("this", 0), node("top", 1), node("bottom", 1), node("a-below", 2), node("b-above", 2)]
    edges = [graph.Edge("bottom", "a-below", 1, ""), graph.Edge("top", "b-above", 1, "")]

    drawing = graph.draw(nodes, edges)

    assert [box.node.key for box in drawing.boxes if box.node.column == 2] == ["b-above", "a-below"]


def test_more_payments_are_a_wider_line_up_to_a_limit():
    nodes = [node("this", 0), *(node(f"t{i}", 1) for i in range(3))]

    lines = graph.draw(nodes, [graph.Edge("this", f"t{i}", 10 ** (3 * i), "") for i in range(3)]).lines

    assert lines[0].width < lines[1].width == lines[2].width


def test_a_tie_to_somebody_who_is_not_drawn_is_left_out():
    assert graph.draw([node("this", 0)], [graph.Edge("this", "nobody", 1, "")]).lines == ()
