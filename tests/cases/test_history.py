"""The whole history of a case, page by page."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from cases.models import CaseEvent
from cases.queries import history
from cases.services import notes, presence, verdict_effects, verdicts
from tests.factories import DAY, HOUR, MINUTE, NOON, make_case, make_label
from tests.scoring.payments import tampering

HTMX = {"HX-Request": "true"}


@pytest.fixture
def url(case):
    return reverse("case_history", args=[case.id])


def text_of(response):
    return response.content.decode()


def pages_of(case, limit):
    """Every page of the history, newest first."""
    found, before = [], ""
    while True:
        page = history.history_of(case, before=before, limit=limit)
        found.append(page.entries)
        if not page.older:
            return found
        before = page.older


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
def test_every_page_goes_on_where_the_one_before_ended(alice, case, limit):
    payment = case.alerts.get().decision
    for number in range(5):
        notes.add_note(case=case, author=alice, text=f"n{number}", now=NOON + (number // 2) * MINUTE)
    for number in range(4):
        label = make_label(payment, known_at=NOON + number * HOUR)
        with tampering():
            label.__class__.objects.filter(id=label.id).update(created_at=NOON + (number // 2) * MINUTE)

    pages = pages_of(case, limit)

    entries = [entry for page in pages for entry in page]
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert len({entry.position for entry in entries}) == len(entries) == 10
    assert [entry.at for entry in entries] == sorted((entry.at for entry in entries), reverse=True)


def test_looks_are_told_once_a_person(client, alice, bob, case, url):
    for minutes in (0, 20, 40, 60):
        presence.record_view(case=case, viewer=alice, now=NOON + minutes * MINUTE)
    presence.record_view(case=case, viewer=bob, now=NOON)
    client.force_login(alice)

    text = " ".join(re.sub(r"<[^>]+>", "", text_of(client.get(url))).split())

    assert "Looked: Alice 4 times, first 20 Nov 12:00, last 20 Nov 13:00 · Bob once, 20 Nov 12:00" in text
    assert "Viewed" not in text


def test_a_chargeback_that_arrives_is_in_the_history(as_alice, case, url):
    make_label(case.alerts.get().decision)

    assert "fraud, says chargeback: 1,249.00 EUR at Nordic Electronics" in text_of(as_alice.get(url))


def test_what_the_verdict_labelled_is_told_by_the_verdict_alone(as_alice, alice, case, url):
    verdicts.record(case=case, analyst=alice, verdict="fraud", decided_at=NOON)
    verdict_effects.settle_due(now=NOON + MINUTE)

    text = text_of(as_alice.get(url))

    assert "1 payment labelled" in text
    assert "says analyst" not in text


def test_show_older_brings_the_rest_as_rows(as_alice, alice, case, url):
    for number in range(history.PAGE + 5):
        notes.add_note(case=case, author=alice, text=f"note-{number:02d}", now=NOON + number * MINUTE)
    first = text_of(as_alice.get(url, headers=HTMX))
    assert first.count("<li") == history.PAGE + 1
    older = re.search(r'hx-get="([^"]+)"', first)[1]

    rest = text_of(as_alice.get(older, headers=HTMX))

    assert "<html" not in first + rest
    assert "<section" not in rest
    assert "note-00" in rest
    assert "Show older" not in rest
    assert "Back to the newest" in text_of(as_alice.get(older))


@pytest.mark.parametrize(
    "before", ["x", "2026-11-20T12:00:00.000000Z_x1", "2026-13-40T99:00:00.000000Z_e1", "2026-11-20T12:00:00.000000Z_e"]
)
def test_a_place_that_is_none_is_not_found(as_alice, url, before):
    assert as_alice.get(url, {"before": before}).status_code == 404


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_a_place(text):
    try:
        history._parse(text)
    except history.UnknownPositionError:
        return


def test_hostile_notes_are_text_and_their_addresses_no_links(as_alice, alice, case, url):
    notes.add_note(case=case, author=alice, text="<b>x</b> https://evil.example/", now=NOON)

    text = text_of(as_alice.get(url)) + text_of(as_alice.get(case.get_absolute_url()))

    assert "<b>x</b>" not in text
    assert 'href="https://evil' not in text
    assert "&lt;b&gt;x&lt;/b&gt; https://evil.example/" in text


def test_a_longer_history_takes_as_many_queries(as_alice, alice, bob, case, url):
    make_label(case.alerts.get().decision)
    as_alice.get(url)
    with CaptureQueriesContext(connection) as few:
        as_alice.get(url)
    for number, person in enumerate((alice, bob) * 20):
        notes.add_note(case=case, author=person, text="x", now=NOON + number * MINUTE)
        presence.record_view(case=case, viewer=person, now=NOON + number * HOUR)
        make_label(case.alerts.get().decision, known_at=NOON - (number + 1) * DAY)

    with CaptureQueriesContext(connection) as more:
        as_alice.get(url)

    assert len(more) == len(few)


def test_notes_stay_beside_the_case_however_much_happened_since(as_alice, alice, case):
    notes.add_note(case=case, author=alice, text="the first word", now=NOON)
    CaseEvent.objects.bulk_create(
        CaseEvent(case=case, kind="joined", happened_at=NOON + timedelta(seconds=n)) for n in range(1, 150)
    )

    assert "the first word" in text_of(as_alice.get(case.get_absolute_url()))


def test_the_history_of_another_case_is_its_own(as_alice, alice, case):
    other = make_case()
    notes.add_note(case=case, author=alice, text="only here", now=NOON)

    assert "only here" not in text_of(as_alice.get(reverse("case_history", args=[other.id])))
