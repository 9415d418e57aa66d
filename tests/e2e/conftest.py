"""A browser and the whole web process (pages and WebSocket) on the test database."""

import os
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import web_process
from tests.browser import FLAGS, find_chromium
from tests.factories import PASSWORD

WIDE = {"width": 1280, "height": 720}
# A shared machine with two busy cores takes its time.
expect.set_options(timeout=15_000)


# Of this folder, not of the session: while playwright's loop runs in this thread, no other test can use async_to_sync.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        reason = "No Chromium was found; `python -m tests.browser` installs one, CHROMIUM names one."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    # Playwright's event loop runs in this thread; Django must not take it for a server's.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=FLAGS)
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def process_environment(django_db_setup) -> dict[str, str]:
    """What the product's own processes need to run on the test database."""
    return web_process.process_environment()


@pytest.fixture(scope="session")
def server(process_environment) -> Iterator[str]:
    """The web process; returns its address."""
    with web_process.web_process(process_environment) as address:
        yield address


@pytest.fixture
def site(server, transactional_db) -> str:
    """Address of the console. Tests with it commit: the server has its own connections."""
    return server


def _press_when_loaded(page: Page) -> None:
    """A page shows its text before its scripts listen: on a busy machine a key that was pressed between is lost."""
    press = page.keyboard.press

    def press_when_loaded(key: str, **options) -> None:
        page.wait_for_load_state()
        press(key, **options)

    page.keyboard.press = press_when_loaded


@pytest.fixture
def open_page(browser, site):
    """Returns a function that opens a new browser window, and fails the test on errors of the pages' scripts."""
    contexts, errors = [], []

    def open_window(**options) -> Page:
        context = browser.new_context(base_url=site, **{"viewport": WIDE, **options})
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        _press_when_loaded(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Content Security" in said.text else None)
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def log_in(open_page, site):
    """Returns a function that returns a person's window on the queue. `sign_in` takes the form, which is slow."""

    def log_in_as(user, **options) -> Page:
        page, session = open_page(**options), Client()
        session.force_login(user)
        cookie = session.cookies[settings.SESSION_COOKIE_NAME]
        kept = {"name": cookie.key, "value": cookie.value, "httpOnly": True, "sameSite": "Strict"}
        page.context.add_cookies([{**kept, "url": site}])
        page.goto("/queue/")
        return page

    return log_in_as


@pytest.fixture
def sign_in(open_page):
    """Returns a function that signs a person in as they do it themselves."""

    def sign_in_as(user) -> Page:
        page = open_page()
        page.goto("/")
        page.get_by_label("Username").fill(user.username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/queue/")
        return page

    return sign_in_as


@pytest.fixture
def screenshots():
    """Returns a function that keeps a picture of the page in the folder SCREENSHOTS names, if it names one."""
    folder = os.environ.get("SCREENSHOTS")

    def keep(page: Page, name: str) -> None:
        if folder:
            page.screenshot(path=os.path.join(folder, f"{name}.png"))

    return keep
