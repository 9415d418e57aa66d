"""A manager gives a program its key in the browser, rotates it and revokes both."""

import urllib.error
import urllib.request

import pytest

from tests.factories import make_user

pytestmark = pytest.mark.browser


def answer_to(site: str, key: str) -> int:
    """What a look at a payment that is not there is answered with."""
    asked = urllib.request.Request(f"{site}/api/v1/decisions/nobody/", headers={"Authorization": f"Bearer {key}"})
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(asked, timeout=15)
    answer.value.close()
    return answer.value.code


def test_a_key_is_made_used_rotated_and_revoked(site, log_in, screenshots):
    page = log_in(make_user("manager"))
    page.goto("/admin/scoring/apikey/add/")
    page.get_by_label("Name:").fill("payments")
    page.get_by_role("checkbox", name="read").check()
    screenshots(page, "key-add")
    page.get_by_role("button", name="Save").click()
    first = page.get_by_label("Key", exact=True).input_value()
    screenshots(page, "key-issued")
    assert answer_to(site, first) == 404

    page.get_by_role("link", name="Go to payments").click()
    screenshots(page, "key-detail")
    page.get_by_role("link", name="Rotate").click()
    screenshots(page, "key-rotate")
    page.get_by_role("button", name="Make the new key").click()
    second = page.get_by_label("Key", exact=True).input_value()
    assert [answer_to(site, key) for key in (first, second)] == [404, 404]

    page.goto("/admin/scoring/apikey/")
    screenshots(page, "key-list")
    page.get_by_label("Select all objects on this page for an action").check()
    page.get_by_label("Action:").select_option("revoke")
    page.get_by_role("button", name="Go", exact=True).click()
    screenshots(page, "key-revoke")
    page.get_by_role("button", name="Revoke").click()
    page.get_by_text("Revoked: 2.").wait_for()
    assert [answer_to(site, key) for key in (first, second)] == [401, 401]
