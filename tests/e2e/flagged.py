"""Payments that are flagged while a browser looks, and verdicts whose time is over."""

from concurrent.futures import ThreadPoolExecutor

from django.db import connection
from django.utils.timezone import now

from cases.services import verdict_effects
from tests.factories import DAY, flag, make_decision


def flag_now(**values):
    """Flag a payment as a worker does: in a thread of its own, for playwright's event loop runs in this one."""

    def work():
        try:
            return flag(make_decision(occurred_at=now(), **values), now=now())
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def settle_verdicts():
    """Let all verdicts take effect, as the task worker does once their time is over."""
    verdict_effects.settle_due(now=now() + DAY)
