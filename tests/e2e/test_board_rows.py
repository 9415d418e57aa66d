"""The rows of the queue in a real browser: they move, and hold still where somebody is."""

from decimal import Decimal

import pytest
from django.utils.timezone import now
from playwright.sync_api import expect

from cases.services import claims
from tests.e2e.board import decide, flag_many, in_thread, is_live, order, row, top_of
from tests.e2e.flagged import flag_now
from tests.factories import make_queue, make_user

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_the_row_under_the_pointer_keeps_its_place_while_others_move_around_it(site, log_in, size):
    large, middle, small = flag_many(300, 200, 100)
    page = log_in(make_user(), viewport={"width": size[0], "height": size[1]})
    is_live(page)
    row(page, middle).hover()
    before = top_of(page, middle)

    flag_many(900, 800)
    expect(page.locator("[data-queue] tbody tr")).to_have_count(5)

    expect(page.locator("[data-moving]")).to_have_count(0)
    assert top_of(page, middle) == before
    assert order(page) == ["0900", "0200", "0800", "0300", "0100"]

    page.mouse.move(5, 5)
    expect(page.locator("[data-queue] tbody tr").nth(3)).to_have_attribute("data-case", str(middle.id))
    assert order(page) == ["0900", "0800", "0300", "0200", "0100"]


def test_the_row_with_the_focus_keeps_its_place_and_the_focus(site, log_in):
    large, middle, small = flag_many(300, 200, 100)
    page = log_in(make_user())
    is_live(page)
    page.mouse.move(5, 5)
    for _ in range(3):
        page.keyboard.press("j")
    expect(row(page, small).locator(".row-link")).to_be_focused()
    before = top_of(page, small)

    flag_many(900, 800)
    expect(page.locator("[data-queue] tbody tr")).to_have_count(5)

    expect(page.locator("[data-moving]")).to_have_count(0)
    assert top_of(page, small) == before
    expect(row(page, small).locator(".row-link")).to_be_focused()
    assert order(page) == ["0900", "0800", "0100", "0300", "0200"]

    # A payment joins the case itself: the row shows it, and is still where it was.
    flag_now(card_id="card-0100", amount=Decimal(2000))
    expect(row(page, small)).to_contain_text("2 payments")
    assert top_of(page, small) == before
    expect(row(page, small).locator(".row-link")).to_be_focused()


def test_a_case_that_somebody_decides_under_the_pointer_stays_greyed_and_leads_nowhere(site, log_in):
    large, middle, small = flag_many(300, 200, 100)
    bob = make_user("lead")
    page = log_in(make_user())
    is_live(page)
    row(page, middle).hover()
    before = top_of(page, middle)

    decide(middle, bob)

    expect(row(page, middle)).to_contain_text("decided by Bob: fraud")
    expect(page).to_have_title("(2) Queue · Fraud desk")
    assert top_of(page, middle) == before
    row(page, middle).click()
    expect(page).to_have_url(f"{site}/queue/")
    assert row(page, middle).locator("input").is_disabled()

    page.mouse.move(5, 5)
    expect(row(page, middle)).to_have_count(0)


def test_a_row_below_all_others_is_held_up_by_rows_that_are_gone(site, log_in):
    large, middle, small = flag_many(300, 200, 100)
    bob = make_user("lead")
    page = log_in(make_user())
    is_live(page)
    row(page, small).hover()
    before = top_of(page, small)

    decide(large, bob)
    decide(middle, bob, "legitimate")
    expect(page).to_have_title("(1) Queue · Fraud desk")

    assert top_of(page, small) == before
    expect(row(page, large)).to_contain_text("decided by Bob: fraud")
    page.mouse.move(5, 5)
    expect(page.locator("[data-queue] tbody tr")).to_have_count(1)


def test_the_claims_of_others_show_at_once_and_go_again(site, log_in):
    (case,) = flag_many(300)
    bob = make_user("lead")
    page = log_in(make_user())
    is_live(page)

    in_thread(claims.claim, case=case, analyst=bob, now=now())
    expect(row(page, case)).to_contain_text("Bob")
    in_thread(claims.release, case=case, actor=bob, now=now())

    expect(row(page, case)).not_to_contain_text("Bob")


@pytest.mark.parametrize(("wish", "moves"), [("no-preference", True), ("reduce", False)])
def test_rows_move_unless_less_motion_is_preferred(site, log_in, wish, moves):
    flag_many(300, 200)
    page = log_in(make_user(), reduced_motion=wish)
    is_live(page)
    page.mouse.move(5, 5)
    page.evaluate("""() => {
      const animate = Element.prototype.animate;
      Element.prototype.animate = function (...given) { window.hasMoved = true; return animate.apply(this, given); };
    }""")

    flag_many(900)

    expect(page.locator("[data-queue] tbody tr")).to_have_count(3)
    assert order(page) == ["0900", "0300", "0200"]
    assert page.evaluate("window.hasMoved === true") is moves


def test_what_was_missed_while_the_connection_was_cut_is_read_when_it_is_back(site, log_in):
    first, second = flag_many(300, 200)
    bob = make_user("lead")
    page = log_in(make_user())
    sockets, is_away = [], []

    def connect(socket) -> None:
        if is_away:
            socket.close()
        else:
            socket.connect_to_server()
            sockets.append(socket)

    page.route_web_socket("**/ws/board/", connect)
    page.reload()
    is_live(page)
    page.mouse.move(5, 5)

    is_away.append(True)
    sockets[0].close()
    expect(page.locator("body")).not_to_have_attribute("data-changes-state", "on")
    decide(first, bob)
    is_away.clear()

    expect(page.locator("[data-queue] tbody tr")).to_have_count(1)


def test_a_new_queue_brings_its_column_and_what_is_ticked_stays(site, log_in):
    (large,) = flag_many(300)
    page = log_in(make_user())
    is_live(page)
    row(page, large).get_by_role("checkbox").check()
    expect(page.get_by_role("columnheader", name="Queue", exact=True)).to_have_count(0)

    make_queue("large")
    flag_many(900)

    expect(page.get_by_role("columnheader", name="Queue", exact=True)).to_be_visible()
    expect(page.locator("[data-queue] tbody tr")).to_have_count(2)
    expect(row(page, large).get_by_role("checkbox")).to_be_checked()
