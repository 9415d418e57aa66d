"""A case on paper: all that an auditor or a card network asks for."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cases.queries import evidence_page
from cases.services import attachments, notes, presence, tags, verdicts
from tests.cases.files_at_hand import PDF
from tests.factories import HOUR, NOON, flag, make_case, make_decision, make_label, make_user


@pytest.fixture
def case(db):
    """Of one payment that has all that a payment can have."""
    return flag(
        make_decision(
            transaction_id="t-evidence-1",
            customer_id="customer-9",
            rule_hits=["card-testing"],
            model_version="m-2026-11",
            anomaly_score=0.25,
            degraded=["features"],
            position="17",
            record={"channel": "ecommerce", "card_country": "FR", "three_ds": "frictionless"},
        )
    )


@pytest.fixture
def paper(client):
    """Returns a function that opens the page as somebody and returns its text."""

    def open_as(user, case):
        client.force_login(user)
        response = client.get(reverse("print_case", args=[case.id]))
        assert response.status_code == 200
        return response.content.decode()

    return open_as


def test_it_holds_what_was_sent_decided_said_and_done(alice, case, paper):
    file = attachments.attach(case=case, name="a.pdf", data=PDF, author=alice, now=NOON)
    tags.add_tags(case=case, names=["mule"], author=alice, now=NOON)
    notes.add_note(case=case, author=alice, text="Called the bank", now=NOON)
    presence.record_view(case=case, viewer=alice, now=NOON)
    verdicts.record(case=case, analyst=alice, verdict="fraud", typology="stolen_card", note="", decided_at=NOON)
    make_label(case.alerts.get().decision, note="reason code 10.4")
    case.refresh_from_db()

    text = paper(alice, case)

    for said in (
        *(str(case.id), case.card_id, "t-evidence-1", "1,249.00", "Nordic Electronics", "customer-9", "192.0.2.7"),
        *("0.9500", "0.2500", "card-testing", "model m-2026-11", "policy 1", "feature table 1", "without features"),
        *("7 payments in the last hour; 1 is usual", "speaks for fraud (+1.80 log-odds)", "card_count_1h"),
        *("three ds", "frictionless", "api 17", "Chargeback", "reason code 10.4", "Stolen card".lower()),
        *("Called the bank", "mule", "a.pdf", file.sha256, "viewed".capitalize(), "Printed", "(alice)"),
        'class="timeline"',
    ):
        assert said in text, said


def test_who_printed_when_is_recorded_and_stands_on_it(aude, case, paper):
    text = paper(aude, case)

    assert case.events.get(kind="printed").actor == aude
    assert "Printed by <b>Aude</b> (aude)" in text


def test_hostile_text_is_text_on_paper_too(alice, paper):
    hostile = "<script>alert(1)</script>"
    case = flag(
        make_decision(
            merchant_name=hostile,
            record={"channel": hostile, hostile: {"nested": [hostile]}},
            reasons=[{"code": "x", "words": hostile}],
        )
    )
    notes.add_note(case=case, author=alice, text=hostile, now=NOON)

    text = paper(alice, case)

    assert "<script>alert" not in text
    assert text.count("<script") == text.count("<script src=")
    assert " style=" not in text


def test_an_undecided_case_without_anything_is_printed(alice, paper):
    case = flag(make_decision(score=None, reasons=[], device_id="", ip_address=None, record={}, merchant_name=""))

    text = paper(alice, case)

    assert "not scored" in text
    assert "none yet" in text
    assert "Nobody has said yet" in text


def test_of_many_payments_the_largest_stand_in_full(alice, paper, monkeypatch):
    monkeypatch.setattr(evidence_page, "_IN_FULL", 2)
    case = flag(*[make_decision(amount=amount) for amount in (10, 900, 20, 800)])

    text = paper(alice, case)

    assert text.count('<section class="payment">') == 2
    assert "Payment 1 of 4: 900.00 EUR" in text
    assert "2 more payments" in text


def test_a_history_too_long_for_paper_says_so(alice, case, paper, monkeypatch):
    monkeypatch.setattr(evidence_page, "_MAX_EVENTS", 2)
    for number in range(3):
        notes.add_note(case=case, author=alice, text="x", now=NOON + number * HOUR)

    assert "The history is longer" in paper(alice, case)


def test_more_of_everything_takes_as_many_queries(client, alice, case):
    client.force_login(alice)
    url = reverse("print_case", args=[case.id])
    make_label(case.alerts.get().decision)
    client.get(url)
    with CaptureQueriesContext(connection) as few:
        client.get(url)
    flag(make_decision(), make_decision())
    for number, person in enumerate([make_user(username=f"analyst{n}") for n in range(3)]):
        notes.add_note(case=case, author=person, text="x", now=NOON)
        tags.add_tags(case=case, names=[f"t{number}"], author=person, now=NOON)
        attachments.attach(case=case, name="a.txt", data=b"%d" % number, author=person, now=NOON)
        make_label(case.alerts.first().decision, source="customer", known_at=NOON + number * HOUR)

    with CaptureQueriesContext(connection) as more:
        client.get(url)

    assert len(more) == len(few)


def test_it_is_for_those_who_see_the_case(client, mallory, db):
    case = make_case()
    client.force_login(mallory)

    assert client.get(reverse("print_case", args=[case.id])).status_code == 403
    assert not case.events.filter(kind="printed").exists()


def test_a_look_ahead_records_nothing(as_alice, case):
    assert as_alice.head(reverse("print_case", args=[case.id])).status_code == 405
    assert not case.events.filter(kind="printed").exists()
