"""No page of the console has a fault that axe-core can find, in any scheme, on any screen."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.flagged import flag_now
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
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


def test_the_login_has_no_faults_of_accessibility(open_page):
    page = open_page()
    page.goto("/login/")

    assert faults(page) == []
