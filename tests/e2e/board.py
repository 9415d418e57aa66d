"""What the browser tests of the queue share: other people at work, and the rows as they stand."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from django.db import connection
from django.utils.timezone import now
from playwright.sync_api import Page, expect

from cases.models import Case
from cases.services import verdicts
from tests.e2e.flagged import flag_now


def in_thread(work, **values):
    """Do what another analyst's browser would: in a thread of its own, for playwright's event loop runs in this one."""

    def run():
        try:
            return work(**values)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def decide(case: Case, analyst, verdict: str = "fraud") -> None:
    in_thread(verdicts.record, case=case, analyst=analyst, verdict=verdict, typology="", note="", decided_at=now())


def flag_many(*amounts: int) -> list[Case]:
    return [flag_now(card_id=f"card-{amount:04}", amount=Decimal(amount)) for amount in amounts]


def row(page: Page, case: Case):
    return page.locator(f'[data-case="{case.id}"]')


def order(page: Page) -> list[str]:
    return [text.strip()[-4:] for text in page.locator("[data-queue] tbody .c-card span:first-child").all_inner_texts()]


def is_live(page: Page) -> None:
    expect(page.locator("[data-feed-state]")).to_have_text("live")
    expect(page.locator("body")).to_have_attribute("data-changes-state", "on")


def top_of(page: Page, case: Case) -> float:
    return row(page, case).evaluate("row => row.getBoundingClientRect().top")
