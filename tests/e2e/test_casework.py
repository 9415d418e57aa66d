"""Snoozing, tags, files, the history and the page on paper, in a real browser."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.utils.timezone import now
from playwright.sync_api import expect

from cases.models import Case
from cases.services import attachments, notes, presence, tags
from tests.cases.files_at_hand import PDF, PNG, TEXT
from tests.e2e.flagged import flag_now
from tests.e2e.test_accessibility import faults
from tests.factories import DAY, HOUR, make_decision, make_label, make_user

pytestmark = pytest.mark.browser

WINDOWS = [(scheme, size) for scheme in ("light", "dark") for size in ((1280, 720), (390, 844))]


def in_thread(work):
    """As in `flag_now`: playwright's event loop runs in this thread."""

    def act():
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(act).result()


def make_busy_case(author):
    """A case with some of everything."""
    for day in range(1, 28):
        make_decision(occurred_at=now() - day * DAY, amount=Decimal(20 + day), outcome="approve", device_id="d")
    case = flag_now(rule_hits=["card-testing"], model_version="m-2026-11-20", customer_id="customer-9")

    def work():
        moment = now()
        for name, data in {"statement.pdf": PDF, "receipt of the shop.png": PNG, "call.txt": TEXT}.items():
            file = attachments.attach(case=case, name=name, data=data, author=author, now=moment)
        attachments.remove(case=case, attachment_id=file.id, actor=author, now=moment)
        tags.add_tags(case=case, names=["mule", "ring-7", "called_bank"], author=author, now=moment)
        notes.add_note(case=case, author=author, text="Called the cardholder, no answer.", now=moment)
        for number in reversed(range(40)):
            presence.record_view(case=case, viewer=author, now=moment - number * HOUR)
            notes.add_note(case=case, author=author, text=f"Look {number}", now=moment - (number + 1) * DAY)
        make_label(case.alerts.first().decision, known_at=moment, note="reason code 10.4")

    in_thread(work)
    return case


def test_snoozing_by_keyboard_goes_on_to_the_next_case(site, log_in):
    case = flag_now(card_id="card-1", amount=Decimal(900))
    following = flag_now(card_id="card-2", amount=Decimal(10))
    page = log_in(make_user())
    page.keyboard.press("n")
    expect(page).to_have_url(f"{site}{case.get_absolute_url()}")
    expect(page.locator("#claim")).to_contain_text("Yours")

    page.keyboard.press("z")
    expect(page.get_by_role("dialog", name="Snooze")).to_be_visible()
    page.keyboard.press("Tab")
    page.get_by_label("Reason").focus()
    page.keyboard.type("fili calls back")
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{site}{following.get_absolute_url()}")
    expect(page.get_by_text("snoozed until")).to_be_visible()
    assert Case.objects.get(id=case.id).is_snoozed(now())

    page.goto("/queue/?view=snoozed")
    expect(page.locator("[data-case]")).to_have_count(1)
    page.locator(".row-link").click()
    expect(page.locator("#claim")).to_contain_text("Snoozed until")
    page.get_by_role("button", name="Wake it").click()
    expect(page.locator("#claim")).to_contain_text("Yours")


def test_a_refused_snooze_stays_in_the_dialog_with_what_was_written(site, log_in):
    case = flag_now()
    page = log_in(make_user())
    page.goto(case.get_absolute_url())

    page.keyboard.press("z")
    page.get_by_label("Date and time, UTC").fill("2020-01-01T09:00")
    page.get_by_label("Reason").fill("kept words")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("That time has passed")
    expect(page.get_by_label("Reason")).to_have_value("kept words")
    assert not Case.objects.get(id=case.id).is_snoozed(now())


def test_a_tag_typed_at_once_decides_nothing(site, log_in):
    case = flag_now()
    page = log_in(make_user())
    page.goto(case.get_absolute_url())

    page.keyboard.type("tfili-ring,mule")
    page.keyboard.press("Enter")

    expect(page.locator("#case-tags")).to_contain_text("fili-ring")
    expect(page.locator("#case-tags")).to_contain_text("mule")
    expect(page.get_by_label("Add a tag")).to_be_focused()
    page.get_by_role("button", name="Take off mule").press("Enter")
    expect(page.locator("#case-tags")).not_to_contain_text("mule")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert Case.objects.get(id=case.id).status == "open"


def test_tags_in_use_are_suggested_while_one_writes(site, log_in):
    case, other = flag_now(), flag_now(card_id="card-2")
    alice = make_user()
    in_thread(lambda: tags.add_tags(case=other, names=["mule"], author=alice, now=now()))
    page = log_in(alice)
    page.goto(case.get_absolute_url())

    page.keyboard.press("t")

    expect(page.locator("datalist#suggested option")).to_have_attribute("value", "mule")


def test_a_file_is_added_downloaded_and_removed_on_the_page(site, log_in):
    case = flag_now()
    page = log_in(make_user())
    page.goto(case.get_absolute_url())

    page.keyboard.press("A")
    page.get_by_label("Add a file").set_input_files(
        {"name": "page.png", "mimeType": "image/png", "buffer": b"<!doctype html><script>alert(1)</script>"}
    )
    page.get_by_role("button", name="Add the file").click()
    expect(page.get_by_role("alert")).to_contain_text("something else or broken")

    page.get_by_label("Add a file").set_input_files({"name": "a.pdf", "mimeType": "text/html", "buffer": PDF})
    page.get_by_role("button", name="Add the file").click()
    expect(page.locator("#file-count")).to_have_text("1")
    with page.expect_download() as started:
        page.get_by_role("link", name="a.pdf").click()
    assert started.value.suggested_filename == "a.pdf"
    assert Path(started.value.path()).read_bytes() == PDF

    page.get_by_role("button", name="Remove a.pdf").click()
    expect(page.locator("#files-tool")).to_contain_text("removed by Alice")
    expect(page.locator("#file-count")).to_have_text("")


def test_a_file_that_is_dropped_on_the_page_waits_in_the_form(site, log_in):
    case = flag_now()
    page = log_in(make_user())
    page.goto(case.get_absolute_url())

    dropped = page.evaluate_handle(
        """() => {
          const moved = new DataTransfer();
          moved.items.add(new File(["called"], "call.txt"));
          return moved;
        }"""
    )
    page.dispatch_event("main", "drop", {"dataTransfer": dropped})
    expect(page.get_by_role("button", name="Add the file")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("#file-count")).to_have_text("1")
    expect(page.get_by_role("link", name="call.txt")).to_be_visible()


def test_the_history_comes_when_it_is_scrolled_to_and_goes_back_to_the_start(site, log_in):
    alice = make_user()
    case = make_busy_case(alice)
    page = log_in(alice)
    page.goto(case.get_absolute_url())

    page.locator("#history").scroll_into_view_if_needed()

    expect(page.locator("#history")).to_contain_text("says chargeback")
    expect(page.locator("#history")).to_contain_text(re.compile(r"Alice \d+ times"))
    expect(page.locator("#history")).not_to_contain_text("Look 39")
    while page.get_by_role("link", name="Show older").count():
        before = page.locator("#history li").count()
        page.get_by_role("link", name="Show older").click()
        expect(page.locator("#history li").nth(before)).to_be_visible()
    expect(page.locator("#history")).to_contain_text("Look 39")


def test_snooze_tags_and_files_work_without_scripts(site, log_in):
    case = flag_now()
    page = log_in(make_user(), java_script_enabled=False)

    for link, fill, button in (
        ("Tag", lambda: page.get_by_label("Add a tag").fill("mule"), "Add"),
        ("Files", lambda: page.get_by_label("Add a file").set_input_files(_text_file()), "Add the file"),
    ):
        page.goto(case.get_absolute_url())
        page.locator(".tool-link", has_text=link).click()
        fill()
        page.get_by_role("button", name=button).click()
        expect(page).to_have_url(f"{site}{case.get_absolute_url()}")
    expect(page.locator("#case-tags")).to_contain_text("mule")
    expect(page.locator("#file-count")).to_have_text("1")
    page.get_by_role("link", name="Show what happened").click()
    expect(page.locator("#history")).to_contain_text("added mule")

    page.goto(case.get_absolute_url())
    page.locator(".tool-link", has_text="Snooze").click()
    page.get_by_label("Reason").fill("x")
    page.get_by_role("button", name="Snooze, next case").click()
    expect(page.get_by_text("snoozed until")).to_be_visible()


def _text_file():
    return {"name": "a.txt", "mimeType": "text/plain", "buffer": TEXT}


def test_the_page_on_paper_is_a_pdf_of_its_own(site, log_in):
    alice = make_user()
    case = make_busy_case(alice)
    page = log_in(alice, color_scheme="dark")
    page.goto(f"{case.get_absolute_url()}print/")

    assert faults(page) == []
    expect(page.get_by_role("button", name="Print or save as PDF")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    pdf = page.pdf(prefer_css_page_size=True)

    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 2
    if folder := os.environ.get("SCREENSHOTS"):
        Path(folder, "case.pdf").write_bytes(pdf)
        page.screenshot(path=os.path.join(folder, "print.png"), full_page=True)


@pytest.mark.parametrize(("scheme", "size"), WINDOWS)
def test_every_part_fits_and_has_no_faults(site, log_in, screenshots, scheme, size):
    alice = make_user()
    case = make_busy_case(alice)
    page = log_in(alice, color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    page.goto(case.get_absolute_url())
    found = {"case": faults(page)}
    screenshots(page, f"case-{scheme}-{size[0]}")
    for name in ("snooze", "tags", "files"):
        page.locator(f"[data-dialog-open={name}-dialog]").click()
        expect(page.locator(f"#{name}-dialog")).to_be_visible()
        found[name] = faults(page)
        screenshots(page, f"{name}-{scheme}-{size[0]}")
        page.keyboard.press("Escape")
    for name in ("snooze", "tags", "files", "history", "print"):
        page.goto(f"{case.get_absolute_url()}{name}/")
        found[f"{name} page"] = faults(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        screenshots(page, f"{name}-page-{scheme}-{size[0]}")
    page.goto("/queue/")
    screenshots(page, f"queue-{scheme}-{size[0]}")
    found["queue"] = faults(page)

    assert {name: lines for name, lines in found.items() if lines} == {}
