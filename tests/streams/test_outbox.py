"""The relay delivers each effect, whatever dies or fails on the way."""

from base64 import b64decode

import pytest
from django.db.models import QuerySet
from django.utils.timezone import now

from cases.models import Alert, AuditDraw, Case, FeedEntry
from cases.services.audit import number_of, set_audit
from cases.services.review_settings import current_settings
from scoring.models import Explanation, Outbox
from scoring.services import explaining
from scoring.services.explaining import explain_decisions
from scoring.services.keys import issue_key
from streams import outbox
from streams.models import DeadLetter
from streams.outbox import LETTER_BYTES, relay_outbox
from streams.source import DEAD_LETTERS, DECISIONS
from tests.scoring.payments import body_of
from tests.streams.flow import run, send, sent_out

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]


def test_a_relay_that_dies_after_delivering_delivers_again_and_nothing_doubles(stream, store, published, monkeypatch):
    send(stream, body_of(transaction_id="big", amount=9000))
    run(stream, store)

    def die(self):
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(QuerySet, "delete", die)
        with pytest.raises(SystemExit):
            relay_outbox()

    assert relay_outbox() == 3
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

    # The alert, and then its explanation.
    assert relay_outbox() == 2
    assert Case.objects.count() == 1


def test_a_dead_letter_is_published_with_its_bytes_and_of_a_large_one_the_first(stream, store, published):
    large = b"large " * 2_000_000
    send(stream, b"\x00bad", large)
    run(stream, store)
    relay_outbox()

    first, second = sent_out(published, DEAD_LETTERS)
    assert (b64decode(first["body"]), first["body_truncated"]) == (b"\x00bad", False)
    assert (b64decode(second["body"]), second["body_truncated"]) == (large[:LETTER_BYTES], True)
    assert (first["stream"], first["position"], second["position"]) == ("transactions", "0", "1")
    assert first["errors"]
    assert max(len(body) for log in published.logs.values() for body in log) < 1_000_000
    assert bytes(DeadLetter.objects.get(position="1").body) == large


def test_the_message_of_a_decision_is_what_the_api_would_answer(stream, store, published, client):
    send(stream, body_of(transaction_id="x", amount=2000))
    run(stream, store)
    relay_outbox()

    headers = {"Authorization": f"Bearer {issue_key(name='shop', scopes=['read'])}"}
    answer = client.get("/api/v1/decisions/x/", headers=headers).json()
    (message,) = sent_out(published, DECISIONS)
    assert {name: answer[name] for name in message} == message


def test_decisions_left_by_a_version_without_payloads_are_published_alike(stream, store, published):
    send(stream, body_of(amount=20), body_of(amount=30))
    run(stream, store)
    (row,) = Outbox.objects.filter(topic=Outbox.Topic.DECISIONS)
    relay_outbox()
    expected = sent_out(published, DECISIONS)
    published.logs.clear()

    Outbox.objects.create(topic=Outbox.Topic.DECISIONS, ids=row.ids)
    relay_outbox()

    assert len(expected) == 2
    assert sent_out(published, DECISIONS) == expected
    assert not Outbox.objects.exists()


def test_approved_payments_are_drawn_for_the_audit_by_the_relay_once_whatever_dies(
    stream, store, published, monkeypatch
):
    set_audit(share=0.05, daily_reviews=1_000, actor=None, now=now())
    salt = current_settings().salt
    names = [f"quiet-{number}" for number in range(80)]
    chosen = {name for name in names if number_of(salt, name) < 0.05}
    send(stream, *(body_of(transaction_id=name, card_id=name) for name in names))
    run(stream, store)

    def die(self):
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(QuerySet, "delete", die)
        with pytest.raises(SystemExit):
            relay_outbox()
    assert not AuditDraw.objects.exists()

    while relay_outbox():
        pass

    assert set(AuditDraw.objects.values_list("decision__transaction_id", flat=True)) == chosen
    assert set(Case.objects.values_list("card_id", flat=True)) == chosen
    assert len(sent_out(published, DECISIONS)) == 160


def test_an_alert_is_explained_in_the_same_turn_after_its_case_is_there(stream, store, published, monkeypatch):
    send(stream, body_of(transaction_id="big", amount=9000), body_of(amount=20))
    run(stream, store)
    seen = []

    def explain(ids, *, at):
        seen.append((len(ids), Case.objects.count()))
        return explain_decisions(ids, at=at)

    monkeypatch.setattr(outbox, "explain_decisions", explain)
    relay_outbox()

    assert seen == [(1, 1)]
    assert Explanation.objects.get().decision.transaction_id == "big"
    assert not Outbox.objects.exists()


def test_a_relay_that_dies_after_explaining_explains_again_and_once(stream, store, published, monkeypatch):
    send(stream, body_of(amount=9000))
    run(stream, store)

    def die(ids, *, at):
        explain_decisions(ids, at=at)
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(outbox, "explain_decisions", die)
        with pytest.raises(SystemExit):
            relay_outbox()
    assert not Explanation.objects.exists()
    assert Case.objects.count() == 1

    assert relay_outbox() == 1
    assert Explanation.objects.count() == 1


def test_many_explanations_leave_other_topics_their_turn(stream, store, published, monkeypatch):
    monkeypatch.setattr(explaining, "EXPLAINED_AT_ONCE", 1)
    send(stream, *(body_of(amount=9000, card_id=f"card-{n}") for n in range(3)))
    run(stream, store)
    seen = []

    def explain(ids, *, at):
        if not seen:
            send(stream, body_of(transaction_id="later", amount=9000))
            run(stream, store)
        seen.append(Alert.objects.count())

    monkeypatch.setattr(outbox, "explain_decisions", explain)
    relay_outbox()

    assert seen == [3, 4, 4, 4]


def test_explanations_that_fail_hold_up_no_alert(stream, store, published, monkeypatch, caplog):
    send(stream, body_of(amount=9000))
    run(stream, store)

    def fail(ids, *, at):
        raise RuntimeError("no memory")

    with monkeypatch.context() as broken:
        broken.setattr(outbox, "explain_decisions", fail)
        assert relay_outbox() == 2

    assert Case.objects.count() == 1
    assert list(Outbox.objects.values_list("topic", flat=True)) == ["explanations"]
    assert "explanations could not be delivered" in caplog.text
