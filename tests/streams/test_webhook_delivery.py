"""The way of messages to endpoints: signed, tried again, shared by workers that may die."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils.timezone import now
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cases.services import verdict_effects, verdicts
from scoring.models import WebhookAttempt, WebhookDelivery
from scoring.services.webhook_endpoints import create_endpoint, disable_endpoint, enable_endpoint, rotate_secret
from scoring.services.webhooks import redeliver, send_test
from scoring.webhooks.signing import new_secret
from streams.webhooks.courier import Courier
from streams.webhooks.deliveries import DELAYS, JITTER, LEASE, PER_ENDPOINT, claim_due, record
from streams.webhooks.posting import Answer
from streams.webhooks.step import WebhooksStep
from tests.factories import DAY, HOUR, MINUTE, NOON, make_case, make_user
from tests.streams.webhook_receiver import answer, receiver
from tests.streams.webhook_world import SECOND, deliver, is_genuine, leave, make_endpoint, only
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db
# What a worker's step does, as a process that can be killed.
A_TURN = """
from contextlib import closing
import django
django.setup()
from streams.webhooks.courier import Courier
from tests.factories import NOON
with closing(Courier()) as courier:
    courier.turn(now=NOON)
    courier.finish(now=lambda: NOON)
"""


# --- the way to the receiver ---------------------------------------------------------------------------------------


def test_a_receiver_of_its_own_finds_the_signature_genuine(shop):
    _, secret = create_endpoint(name="shop", url=shop.url, author=None, now=NOON)
    verdicts.record(case=make_case(), analyst=make_user(), verdict="legitimate", decided_at=NOON)
    verdict_effects.settle_due(now=NOON + MINUTE)

    deliver(NOON + MINUTE)

    ((_, headers, body),) = shop.got
    assert is_genuine(secret, headers, body)
    assert not is_genuine(secret, headers, body + b" ")
    assert not is_genuine(secret, headers | {"webhook-timestamp": "1"}, body)
    assert headers["webhook-timestamp"] == str(int((NOON + MINUTE).timestamp()))
    assert json.loads(body)["action"] == "release"
    assert (only().state, only().delivered_at, only().attempts) == ("delivered", NOON + MINUTE, 1)


def test_the_receiver_of_the_documentation_takes_what_is_sent(shop):
    (block,) = re.findall(r"```python\n(.+?)```", (settings.BASE_DIR / "docs/webhooks.md").read_text(), re.DOTALL)
    documented: dict[str, Any] = {}
    exec(block, documented)
    endpoint, former = create_endpoint(name="shop", url=shop.url, author=None, now=now())
    current = rotate_secret(endpoint, now=now())
    send_test(endpoint, now=now())

    deliver(now())

    ((_, headers, body),) = shop.got
    for secret in (former, current):
        assert documented["is_genuine"](secret, headers, body)
        assert not documented["is_genuine"](secret, headers, body + b" ")
        old = headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}
        assert not documented["is_genuine"](secret, old, body)
    assert not documented["is_genuine"](new_secret(), headers, body)


def test_both_secrets_sign_until_the_former_one_ends(shop):
    endpoint, former = create_endpoint(name="shop", url=shop.url, author=None, now=NOON)
    current = rotate_secret(endpoint, overlap=HOUR, now=NOON)
    leave()
    deliver(NOON + MINUTE)
    redeliver(only(), now=NOON + HOUR)
    deliver(NOON + HOUR)

    (_, during, body), (_, after, _) = shop.got
    assert is_genuine(former, during, body)
    assert is_genuine(current, during, body)
    assert not is_genuine(former, after, body)
    assert is_genuine(current, after, body)


def test_without_its_secret_key_nothing_is_sent_and_the_attempt_says_so(shop, settings):
    make_endpoint(shop.url)
    leave()
    settings.SECRET_KEY = "another-key-" + "z" * 40

    deliver(NOON)

    assert shop.got == []
    assert "SECRET_KEY" in WebhookAttempt.objects.get().error
    assert only().state == "waiting"


def test_a_message_that_is_refused_at_first_comes_again_with_its_id(shop):
    make_endpoint(shop.url)
    leave()
    shop.replies = [answer(500, b"<b>no</b>\0"), answer(200)]

    deliver(NOON)
    waiting = only()
    deliver(NOON + SECOND)
    deliver(waiting.next_attempt_at)

    assert waiting.state == "waiting"
    assert only().state == "delivered"
    assert shop.ids == [waiting.message_id] * 2
    first, second = only().tries.order_by("id")
    assert (first.status, first.answer, second.status) == (500, "<b>no</b>\ufffd", 200)


def test_what_nobody_takes_is_tried_ever_less_often_and_given_up_after_a_day(shop):
    make_endpoint(shop.url)
    leave()
    shop.replies = [answer(503)]
    at, times = NOON, []

    while only().state == "waiting":
        times.append(at)
        deliver(at)
        at = only().next_attempt_at

    assert times[-1] == NOON + DAY
    assert len(shop.got) == len(times) == only().attempts == only().tries.count()
    pauses = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    assert all(
        (1 - JITTER) * usual <= pause <= (1 + JITTER) * usual for usual, pause in zip(DELAYS, pauses, strict=False)
    )
    assert only().state == "failed"
    deliver(NOON + 2 * DAY)
    assert len(shop.got) == len(times)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("90", 90), ("1", DELAYS[0].seconds), ("999999", DELAYS[-1].seconds), ("soon", 5), ("9" * 20, 5)],
)
def test_who_asks_for_a_pause_gets_it_within_reason(shop, asked, seconds):
    make_endpoint(shop.url)
    leave()
    shop.replies = [answer(429, **{"retry-after": asked})]

    deliver(NOON)

    pause = (only().next_attempt_at - NOON).total_seconds()
    assert (1 - JITTER) * seconds <= pause <= (1 + JITTER) * seconds


def test_an_endpoint_that_is_gone_is_switched_off_and_told_no_more(shop):
    endpoint = make_endpoint(shop.url)
    leave()
    shop.replies = [answer(410)]

    deliver(NOON)
    leave()
    deliver(NOON + HOUR)

    endpoint.refresh_from_db()
    assert not endpoint.is_active
    assert "410 Gone at 2026-11-20 12:00:00 UTC" in endpoint.disabled_reason
    assert (len(shop.got), WebhookDelivery.objects.count()) == (1, 1)


def test_what_waits_for_an_endpoint_that_was_switched_off_goes_when_it_is_on_again(shop):
    endpoint = make_endpoint(shop.url)
    leave()
    disable_endpoint(endpoint, reason="moved")
    deliver(NOON)
    assert shop.got == []

    enable_endpoint(endpoint, now=NOON + HOUR)
    deliver(NOON + HOUR)

    assert only().state == "delivered"


def test_what_waits_for_an_endpoint_that_stays_off_is_given_up_after_a_day(shop):
    disable_endpoint(make_endpoint(shop.url), reason="moved")
    endpoint = make_endpoint(shop.url, "other")
    leave()
    disable_endpoint(endpoint, reason="moved")

    deliver(NOON + DAY - SECOND)
    assert only().state == "waiting"
    deliver(NOON + DAY)

    assert (only().state, shop.got) == ("failed", [])


# --- many, slow, dying ---------------------------------------------------------------------------------------------


def test_a_slow_endpoint_does_not_hold_up_the_others(shop):
    with receiver() as slow:
        slow.replies = [lambda handler: slow.is_over.wait(30)]
        make_endpoint(slow.url, "slow")
        fast = make_endpoint(shop.url, "fast")
        leave(10)

        with closing(Courier()) as courier:
            turns = 0
            while WebhookDelivery.objects.filter(endpoint=fast, state="delivered").count() < 10:
                courier.turn(now=NOON)
                courier.rest(0.05, WebhooksStep(None).stopping)
                turns += 1
                assert turns < 1000
            assert len(slow.got) <= PER_ENDPOINT
            assert not WebhookDelivery.objects.filter(endpoint__name="slow", state="delivered").exists()
            slow.is_over.set()
            courier.finish(now=lambda: NOON)


def test_of_one_endpoint_a_few_are_sent_at_a_time_over_all_workers():
    make_endpoint()
    leave(10)

    first, second = claim_due(now=NOON, room=32), claim_due(now=NOON, room=32)

    assert (len(first), second) == (PER_ENDPOINT, [])
    assert claim_due(now=NOON, room=0) == []


def test_a_worker_that_is_killed_while_it_sends_leaves_its_message_to_the_next(shop, transactional_db):
    make_endpoint(shop.url)
    leave()
    shop.replies = [lambda handler: shop.is_over.wait(60), answer(204)]
    database = make_conninfo(**conninfo_to_dict(settings.DATABASE_URL) | {"dbname": connection.settings_dict["NAME"]})
    given = {"DATABASE_URL": database, "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1/32"}
    worker = subprocess.Popen([sys.executable, "-c", A_TURN], cwd=settings.BASE_DIR, env={**os.environ, **given})
    wait_until(lambda: shop.got)

    worker.send_signal(signal.SIGKILL)
    assert worker.wait(30) == -signal.SIGKILL
    assert only().state == "waiting"
    deliver(NOON + LEASE - SECOND)
    assert len(shop.got) == 1
    deliver(NOON + LEASE)

    assert shop.ids == [only().message_id] * 2
    assert only().state == "delivered"


def test_who_lost_its_lease_and_failed_changes_nothing(shop):
    make_endpoint(shop.url)
    leave()
    (late,) = claim_due(now=NOON, room=1)
    (current,) = claim_due(now=NOON + LEASE, room=1)

    record(late, Answer(13_000, error="No answer within 10 s"), now=NOON + LEASE)

    assert only().leased_until == current.leased_until
    assert (only().tries.count(), only().attempts) == (1, 0)


def test_who_lost_its_lease_and_was_heard_has_delivered(shop):
    make_endpoint(shop.url)
    leave()
    (late,) = claim_due(now=NOON, room=1)
    (current,) = claim_due(now=NOON + LEASE, room=1)

    record(late, Answer(13_000, status=200), now=NOON + LEASE)
    record(current, Answer(5, status=500), now=NOON + LEASE)

    assert (only().state, only().delivered_at) == ("delivered", NOON + LEASE)


def test_the_task_worker_sends_what_is_due(shop, monkeypatch):
    send_test(make_endpoint(shop.url), now=now())
    step = WebhooksStep(None)
    turn = Courier.turn

    def turn_and_stop(self, *, now):
        step.stopping.set()
        turn(self, now=now)

    monkeypatch.setattr(Courier, "turn", turn_and_stop)

    step.work()

    assert only().state == "delivered"
    assert WebhooksStep(None, stream=True).enabled is False
