"""No page of the console has a fault that axe-core can find, in any scheme, on any screen."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils.timezone import now
from playwright.sync_api import Page, expect

from tests.e2e.flagged import flag_now
from tests.e2e.tried import tried_policy
from tests.factories import make_user

pytestmark = pytest.mark.browser


def faults(page: Page) -> list[str]:
    """Each fault in one line: the rule, what it asks, and where."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {fault['help']}: {node['html'][:200]} {node['any'][0]['message'] if node['any'] else ''}"
        for fault in found
        for node in fault["nodes"]
    ]


on_each_screen = pytest.mark.parametrize(
    ("scheme", "size"), [(scheme, size) for scheme in ("light", "dark") for size in ((1280, 720), (390, 844))]
)


@on_each_screen
def test_pages_have_no_faults_of_accessibility(site, log_in, scheme, size):
    case, decided = flag_now(), flag_now(card_id="card-2")
    window = {"color_scheme": scheme, "viewport": {"width": size[0], "height": size[1]}}
    page = log_in(make_user(), **window)
    page.goto(decided.get_absolute_url())
    page.keyboard.press("f")
    expect(page.get_by_text("Case closed.")).to_be_visible()

    found = {}
    for address in (
        "/queue/",
        case.get_absolute_url(),
        decided.get_absolute_url(),
        "/live/",
        "/search/?q=card-2",
        "/nowhere/",
    ):
        page.goto(address)
        found[address] = faults(page)
    page.goto("/queue/")
    page.keyboard.press("?")
    found["help"] = faults(page)

    assert {name: lines for name, lines in found.items() if lines} == {}


@on_each_screen
def test_pages_of_policy_have_no_faults_of_accessibility(site, log_in, scheme, size):
    addresses = tried_policy(at=now())
    page = log_in(make_user("manager"), color_scheme=scheme, viewport={"width": size[0], "height": size[1]})

    found = {}
    for address in addresses:
        assert page.goto(address).status in {200, 422}, address
        found[address] = faults(page)

    assert {name: lines for name, lines in found.items() if lines} == {}


def test_the_login_has_no_faults_of_accessibility(open_page):
    page = open_page()
    page.goto("/login/")

    assert faults(page) == []
