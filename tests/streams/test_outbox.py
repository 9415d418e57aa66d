"""The relay delivers each effect, whatever dies or fails on the way."""

import pytest

from cases.models import Alert, Case, FeedEntry
from scoring.models import Outbox
from scoring.services.keys import issue_key
from streams import outbox
from streams.outbox import relay_outbox
from streams.source import DECISIONS
from tests.scoring.payments import body_of
from tests.streams.flow import run, send, sent_out

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]


def test_a_relay_that_dies_after_delivering_delivers_again_and_nothing_doubles(stream, store, published, monkeypatch):
    send(stream, body_of(transaction_id="big", amount=9000))
    run(stream, store)

    def die(self):
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(Outbox, "delete", die)
        with pytest.raises(SystemExit):
            relay_outbox()

    assert relay_outbox() == 2
    assert Case.objects.count() == Alert.objects.count() == FeedEntry.objects.count() == 1
    assert {message["transaction_id"] for message in sent_out(published, DECISIONS)} == {"big"}


def test_a_topic_that_fails_keeps_its_rows_and_holds_up_no_other(stream, store, published, monkeypatch, caplog):
    send(stream, body_of(amount=9000), b"bad")
    run(stream, store)

    def fail(row):
        raise RuntimeError("no broker")

    with monkeypatch.context() as broken:
        broken.setitem(outbox.DELIVERIES, Outbox.Topic.ALERTS, fail)
        assert relay_outbox() == 2
    assert list(Outbox.objects.values_list("topic", flat=True)) == ["alerts"]
    assert "alerts could not be delivered" in caplog.text

    assert relay_outbox() == 1
    assert Case.objects.count() == 1


def test_the_message_of_a_decision_is_what_the_api_would_answer(stream, store, published, client):
    send(stream, body_of(transaction_id="x", amount=2000))
    run(stream, store)
    relay_outbox()

    headers = {"Authorization": f"Bearer {issue_key(name='shop', scopes=['read'])}"}
    answer = client.get("/api/v1/decisions/x/", headers=headers).json()
    (message,) = sent_out(published, DECISIONS)
    assert {name: answer[name] for name in message} == message
