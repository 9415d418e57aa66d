"""Dead letters: sent again as they are or corrected, set aside, and never lost on the way."""

import json

import pytest
from django.contrib.auth.models import User
from django.utils.timezone import now

from streams import admin as pages
from streams.dead_letters import faults_of, letters_after
from streams.models import DeadLetter, DeadLetterEvent, StreamProgress, StreamWorker, WaitingLabel
from streams.source import LABELS
from tests.factories import make_decision, make_user
from tests.memory_stream import MemoryStream
from tests.scoring.payments import body_of, fields_of
from tests.streams.letters import Broken, make_letter, send_to, sent

pytestmark = pytest.mark.django_db
CARD_NUMBER = "4111111111111111"
LIST = "/admin/streams/deadletter/"


@pytest.fixture
def out(monkeypatch) -> MemoryStream:
    """Where letters are sent again."""
    return send_to(MemoryStream(), monkeypatch)


@pytest.fixture
def mia(client) -> User:
    user = make_user("manager")
    client.force_login(user)
    return user


def page_of(letter: DeadLetter) -> str:
    return f"{LIST}{letter.id}/change/"


def state_of(letter: DeadLetter) -> str:
    letter.refresh_from_db()
    return letter.state


def text_of(response) -> str:
    return response.content.decode()


# --- in the admin --------------------------------------------------------------------------------------------------


def test_a_letter_is_shown_with_its_place_its_errors_and_its_record_as_text(client, mia):
    letter = make_letter(b"<script>alert(1)</script></textarea>\xff")

    page = text_of(client.get(page_of(letter)))

    assert "amount: must be a number above 0" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&lt;/textarea&gt;\ufffd" in page
    assert "<script>alert" not in page


def test_a_corrected_record_is_sent_and_what_was_done_is_kept(client, mia, out):
    letter = make_letter(body_of(amount="-1"))
    corrected = body_of(card_id="card-9")

    response = client.post(page_of(letter), {"record": corrected.decode(), "send_again": "1"})

    assert response.status_code == 302
    assert sent(out) == [corrected]
    assert state_of(letter) == "sent"
    event = DeadLetterEvent.objects.get()
    assert (event.letter, event.kind, event.actor, bytes(event.body)) == (letter, "resend", mia, corrected)
    assert corrected.decode().replace('"', "&quot;") in text_of(client.get(page_of(letter)))


def test_a_wrong_correction_shows_its_fields_keeps_what_was_typed_and_sends_nothing(client, mia, out):
    letter = make_letter()
    typed = json.dumps(fields_of(amount="0", merchant_id="typed-by-mia"))

    response = client.post(page_of(letter), {"record": typed, "send_again": "1"})

    assert response.status_code == 422
    assert "amount: must be a number above 0" in text_of(response)
    assert "typed-by-mia" in text_of(response)
    assert sent(out) == []
    assert state_of(letter) == "waiting"
    assert not DeadLetterEvent.objects.exists()


def test_a_record_left_as_it_is_goes_out_with_its_own_bytes(client, mia, out):
    body = b"\r\n" + body_of() + b"\r\n"
    letter = make_letter(body)

    client.post(page_of(letter), {"record": body.decode().replace("\r\n", "\n"), "send_again": "1"})

    assert sent(out) == [body]
    assert DeadLetterEvent.objects.get().body is None


@pytest.mark.parametrize("corrected", [False, True])
def test_a_masked_card_number_must_be_replaced_by_a_token(client, mia, out, corrected):
    letter = make_letter(body_of(card_id="************1111"))
    typed = body_of(card_id="************1111", amount="3") if corrected else bytes(letter.body)

    response = client.post(page_of(letter), {"record": typed.decode(), "send_again": "1"})

    assert response.status_code == 422
    assert "put the token in its place" in text_of(response)
    assert sent(out) == []


def test_a_merchant_with_a_star_in_its_name_is_not_taken_for_a_masked_number(client, mia, out):
    letter = make_letter(body_of(merchant_name="PAYPAL *SHOP 4029357733"))

    client.post(LIST, {"action": "send_again", "_selected_action": [letter.id]})

    assert sent(out) == [bytes(letter.body)]


def test_a_card_number_typed_beside_a_good_payment_is_masked_in_what_is_kept(client, mia, out):
    letter = make_letter()
    typed = body_of(extra={"note": CARD_NUMBER})

    client.post(page_of(letter), {"record": typed.decode(), "send_again": "1"})

    assert sent(out) == [typed]
    assert CARD_NUMBER.encode() not in bytes(DeadLetterEvent.objects.get().body)


def test_an_id_decided_with_other_content_is_not_sent(client, mia, out):
    make_decision(transaction_id="t-1", record=fields_of())
    letter = make_letter()

    response = client.post(page_of(letter), {"record": json.dumps(fields_of(amount="99")), "send_again": "1"})

    assert response.status_code == 422
    assert "transaction_id: was decided before with other content" in text_of(response)
    assert sent(out) == []


def test_chosen_letters_go_out_as_they_are_and_the_refused_ones_are_named(client, mia, out):
    good, bad = make_letter(body_of()), make_letter(b"{")

    response = client.post(LIST, {"action": "send_again", "_selected_action": [good.id, bad.id]}, follow=True)

    assert sent(out) == [bytes(good.body)]
    assert (state_of(good), state_of(bad)) == ("sent", "waiting")
    assert f"Not sent: 1. Letter {bad.id}" in text_of(response)


def test_too_many_chosen_letters_are_refused_together(client, mia, out, monkeypatch):
    monkeypatch.setattr(pages, "MAX_AT_ONCE", 1)
    letters = [make_letter(body_of()), make_letter(body_of())]

    client.post(LIST, {"action": "send_again", "_selected_action": [letter.id for letter in letters]})

    assert sent(out) == []


def test_a_letter_whose_sending_failed_shows_as_being_sent_and_can_be_sent_again(client, mia, monkeypatch):
    send_to(Broken(), monkeypatch)
    letter = make_letter(body_of())
    data = {"record": bytes(letter.body).decode(), "send_again": "1"}

    response = client.post(page_of(letter), data, follow=True)

    assert "The broker failed: no broker" in text_of(response)
    assert state_of(letter) == "sending"
    out = send_to(MemoryStream(), monkeypatch)
    client.post(page_of(letter), data)
    assert sent(out) == [bytes(letter.body)]
    assert state_of(letter) == "sent"
    assert DeadLetterEvent.objects.count() == 2


def test_a_letter_sent_once_is_not_sent_by_the_slower_manager(client, mia, out):
    letter = make_letter(body_of(), state="sent")

    response = client.post(page_of(letter), {"record": bytes(letter.body).decode(), "send_again": "1"})

    assert response.status_code == 422
    assert sent(out) == []


def test_what_is_refused_again_is_found_from_the_first_letter(client, mia, out):
    letter = make_letter(b"{")
    corrected = body_of()
    client.post(page_of(letter), {"record": corrected.decode(), "send_again": "1"})
    make_letter(b"another")
    again = make_letter(corrected)

    assert list(letters_after(letter)) == [again]
    assert page_of(again) in text_of(client.get(page_of(letter)))


def test_a_letter_is_set_aside_with_a_reason(client, mia):
    letter = make_letter()

    assert client.post(page_of(letter), {"set_aside": "1", "reason": ""}).status_code == 422
    assert state_of(letter) == "waiting"
    client.post(page_of(letter), {"set_aside": "1", "reason": "the shop's test system"})

    assert state_of(letter) == "set_aside"
    assert "the shop&#x27;s test system" in text_of(client.get(page_of(letter)))
    event = DeadLetterEvent.objects.get()
    assert (event.kind, event.actor, event.reason) == ("set_aside", mia, "the shop's test system")


def test_a_label_is_checked_as_its_stream_checks_it(client, mia, out):
    make_decision(transaction_id="t-1")
    label = {"transaction_id": "t-1", "label": "fraud", "source": "chargeback", "known_at": "2026-11-20T12:00:00Z"}
    letter = make_letter(stream=LABELS)

    late = {"known_at": "2999-01-01T00:00:00Z"}
    for wrong in (label | {"label": "maybe"}, label | {"transaction_id": "t-unknown"}, label | late):
        response = client.post(page_of(letter), {"record": json.dumps(wrong), "send_again": "1"})
        assert response.status_code == 422
    client.post(page_of(letter), {"record": json.dumps(label), "send_again": "1"})

    assert sent(out, LABELS) == [json.dumps(label).encode()]


def test_why_a_label_cannot_be_sent_again_is_said_without_card_numbers():
    letter = make_letter(json.dumps({CARD_NUMBER: "x" * 1000}).encode(), stream=LABELS)

    (error,) = faults_of(letter, None, at=now())

    assert "************1111" in error["message"]
    assert CARD_NUMBER not in error["message"]


def test_letters_are_filtered_and_searched(client, mia):
    make_letter(errors=[{"field": "currency", "message": "x"}])
    make_letter(stream=LABELS, state="set_aside")

    for query, places in [("q=currency", ["transactions/0/0"]), ("state__exact=set_aside", ["labels/0/1"])]:
        page = text_of(client.get(f"{LIST}?{query}"))
        assert [place for place in ("transactions/0/0", "labels/0/1") if place in page] == places


@pytest.mark.parametrize("role", ["manager", "auditor"])
def test_progress_workers_and_waiting_labels_are_there_to_look_at(client, role):
    client.force_login(make_user(role))
    WaitingLabel.objects.create(stream=LABELS, partition="0", position="1", transaction_id="t-77", body=b"{}")
    StreamWorker.objects.create(owner="worker-77", stream=LABELS, seen_at=now())
    StreamProgress.objects.create(stream=LABELS, partition="77")

    for name in ("waitinglabel", "streamworker", "streamprogress"):
        assert "77" in text_of(client.get(f"/admin/streams/{name}/"))
        assert client.get(f"/admin/streams/{name}/add/").status_code == 403


@pytest.mark.parametrize("role", ["auditor", "analyst", None])
def test_who_is_no_manager_sends_nothing(client, out, role):
    letter = make_letter(body_of())
    client.force_login(make_user(role))

    client.post(page_of(letter), {"record": bytes(letter.body).decode(), "send_again": "1"})
    client.post(page_of(letter), {"set_aside": "1", "reason": "x"})
    client.post(LIST, {"action": "send_again", "_selected_action": [letter.id]})

    assert sent(out) == []
    assert state_of(letter) == "waiting"


def test_a_page_asks_the_same_number_of_queries_with_a_longer_history(client, mia, out, django_assert_max_num_queries):
    letter = make_letter(b"{")

    def count() -> int:
        with django_assert_max_num_queries(50) as queries:
            client.get(page_of(letter))
        return len(queries)

    def add_event() -> None:
        actor = make_user("lead", username=f"u{DeadLetterEvent.objects.count()}")
        DeadLetterEvent.objects.create(letter=letter, kind="resend", actor=actor, happened_at=letter.created_at)

    add_event()
    once = count()
    add_event()
    add_event()

    assert count() == once
