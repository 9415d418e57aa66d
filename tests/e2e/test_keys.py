"""Each key does one thing, wherever several parts of a page bring their own."""

from decimal import Decimal

import pytest
from django.utils.timezone import now
from playwright.sync_api import Page, expect

from cases.models import ApprovalLimit, Case, Queue
from cases.services.queues import default_queue
from tests.e2e.flagged import flag_now
from tests.factories import DAY, make_decision, make_queue, make_user

pytestmark = pytest.mark.browser
# A digit is two reasons, of fraud and of the opposite: what it means is said by the verdict.
TWO_REASONS = {"typology", "why_wrong"}
# Keys that scripts of the queue listen to themselves.
OF_THE_LIST = {"j", "k", "r", "x", "X", "A"}


def keys_of(page: Page) -> dict[str, list[str]]:
    """Each key with what it presses: the name of a choice, or the words on it."""
    pressed: dict[str, list[str]] = {}
    for key, what in page.evaluate(
        "[...document.querySelectorAll('[data-key]')].map(one => [one.dataset.key, one.name || one.innerText])"
    ):
        pressed.setdefault(key, []).append(what)
    return pressed


def shared_keys(page: Page) -> dict[str, list[str]]:
    return {key: what for key, what in keys_of(page).items() if len(what) > 1 and set(what) != TWO_REASONS}


def told_in_help(page: Page) -> set[str]:
    return set(page.locator("#help kbd").evaluate_all("all => all.map(one => one.textContent)"))


@pytest.fixture
def cases(site):
    """Two cases; the first with two flagged payments, others of the last days, a queue that escalates."""
    leads = Queue.objects.filter(slug="leads").first() or make_queue("leads", takes_new=False)
    Queue.objects.filter(id=default_queue().id).update(escalates_to=leads)
    make_decision(occurred_at=now() - DAY, amount=Decimal(21), outcome="approve")
    flag_now(amount=Decimal("12.40"))
    return flag_now(), flag_now(card_id="card-2", amount=Decimal(80))


def open_case(page: Page, case: Case) -> None:
    page.goto(case.get_absolute_url())
    expect(page.locator("#claim")).to_contain_text("Yours")


def test_no_key_of_an_open_case_does_two_things_and_each_is_in_the_help(site, log_in, cases):
    page = log_in(make_user("lead"))
    open_case(page, cases[0])

    assert shared_keys(page) == {}
    assert set(keys_of(page)) == {*"flisenzaobdpwtqAPD/?", *"123456"}
    page.keyboard.press("f")
    expect(page).to_have_url(f"{site}{cases[1].get_absolute_url()}")

    # The next case, under the offer to undo the first verdict.
    assert "u" in keys_of(page)
    assert shared_keys(page) == {}
    assert {key for key in keys_of(page) if not key.isdigit()} <= told_in_help(page)


def test_no_key_of_a_decided_case_does_two_things_while_another_can_be_undone(site, log_in, cases):
    page = log_in(make_user("lead"))
    open_case(page, cases[0])
    page.keyboard.press("l")
    expect(page).to_have_url(f"{site}{cases[1].get_absolute_url()}")
    page.get_by_role("button", name="Legitimate release").click()
    expect(page).to_have_url(f"{site}/queue/")

    page.goto(cases[0].get_absolute_url())

    expect(page.get_by_role("button", name="Take it back")).to_be_visible()
    assert "u" in keys_of(page)
    assert shared_keys(page) == {}


def test_no_key_of_a_verdict_to_approve_does_two_things(log_in, cases):
    ApprovalLimit.objects.create(verdict="fraud", currency="", amount=0)
    alice = log_in(make_user())
    open_case(alice, cases[0])
    alice.keyboard.press("f")
    expect(alice.get_by_text("Waits for a second person.")).to_be_visible()
    bob = log_in(make_user("lead"))

    bob.goto(cases[0].get_absolute_url())

    assert {"y", "r", "n", "t"} <= set(keys_of(bob))
    assert shared_keys(bob) == {}


def test_no_key_of_the_queue_does_two_things_and_each_is_in_the_help(log_in, cases):
    page = log_in(make_user("lead"))

    assert shared_keys(page) == {}
    assert set(keys_of(page)) == {*"tFvnD/?"}
    assert not OF_THE_LIST & set(keys_of(page))
    assert OF_THE_LIST | set(keys_of(page)) <= told_in_help(page)
