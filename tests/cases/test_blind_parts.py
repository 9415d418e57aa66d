"""The parts of a case under blind review that are asked for on their own: as they stood, and kept by nobody."""

import re

import pytest
from django.utils.timezone import now

from cases.models import Check, Queue
from cases.services import tags as tag_service
from cases.services.review_settings import change_settings
from scoring.models import Decision
from tests.cases.reviewing import THEN, decided_case, in_review, review_everything, take
from tests.cases.test_drawings import HTMX, text_of, url_of
from tests.factories import HOUR, MINUTE, make_case, make_decision, make_label, make_queue

SAID = re.compile(
    r"dot-fraud|dot-legitimate|\bfraud · |<td><b>this case</b> · |\d (with|payments?) confirmed fraud"
    r"|case was decided|Alice|thief",
    re.I,
)
PLACED = {"latitude": 45.76, "longitude": 4.84, "merchant_country": "FR"}


@pytest.fixture
def reviewed(alice, bob):
    case = in_review(alice, bob)
    Decision.objects.filter(alert__case=case).update(record=PLACED)
    return case


@pytest.fixture
def as_bob(client, bob, reviewed):
    """Bob, who looked at the case: it does not come to him again once it is given back."""
    client.force_login(bob)
    client.get(reviewed.get_absolute_url())
    return client


def address(case, what):
    return f"{case.get_absolute_url()}{what}/"


@pytest.mark.parametrize("name", ["case_graph", "case_places", "card_timeline", "shared_payments", "reason_numbers"])
@pytest.mark.parametrize("headers", [HTMX, {}])
def test_no_drawing_says_what_was_said(as_bob, alice, reviewed, name, headers):
    other = make_decision(card_id="card-other", occurred_at=THEN - HOUR)
    decided_case(alice, decisions=[other], decided_at=THEN + HOUR)

    response = as_bob.get(url_of(name, reviewed), headers=headers)

    assert response.status_code == 200
    shown = re.sub(r'<span class="legend">.*?</span>|<dialog.*?</dialog>', "", text_of(response), flags=re.S)
    assert SAID.findall(shown) == []


@pytest.mark.parametrize("name", ["case_graph", "case_places", "card_timeline", "shared_payments"])
def test_the_drawings_do_say_what_was_known_before(as_bob, reviewed, name):
    card = "card-blind" if name in {"case_places", "card_timeline"} else "card-other"
    for number, known_at in enumerate((THEN - HOUR, THEN + HOUR)):
        place = {**PLACED, "latitude": 40.0 + number}
        payment = make_decision(card_id=card, occurred_at=THEN - 2 * HOUR - number * MINUTE, record=place)
        make_label(payment, known_at=known_at)

    text = text_of(as_bob.get(url_of(name, reviewed), headers=HTMX))

    # Of the two the second became known after the verdict. A card of the graph says it to eyes, ears and in the list.
    said, times = {
        "case_graph": ("; 1 payment confirmed fraud", 3),
        "case_places": ('class="dot-fraud"', 1),
        "card_timeline": ('class="dot-fraud"', 1),
        "shared_payments": ("fraud · chargeback", 1),
    }[name]
    assert text.count(said) == times


def test_the_table_of_the_timeline_says_nothing_of_its_own_payments(as_bob, reviewed):
    text = text_of(as_bob.get(f"{url_of('card_timeline', reviewed)}?span=week&rows", headers=HTMX))

    assert text.count("<b>this case</b>") == 1
    assert "fraud" not in text


def test_a_data_first_reviewer_gets_no_numbers_behind_a_reason(as_bob, bob, reviewed):
    change_settings(values={}, displays={bob.id: "always"})

    assert as_bob.get(url_of("reason_numbers", reviewed), headers=HTMX).status_code == 403


def given_back():
    check = Check.objects.get()
    return (check.analyst, check.decided_at) == (None, None)


def test_escalating_gives_the_review_back_and_leaves_the_case_alone(as_bob, reviewed):
    events = reviewed.events.count()

    assert as_bob.post(address(reviewed, "escalate"), {"note": ""}).status_code == 422
    assert not given_back()
    response = as_bob.post(address(reviewed, "escalate"), {"note": "too large for me"}, follow=True)

    assert f"•••• lind: escalated to {reviewed.queue.escalates_to.title}." in text_of(response)
    assert given_back()
    assert reviewed.events.count() == events


def test_escalating_to_nobody_is_refused_as_ever(as_bob, reviewed):
    Queue.objects.update(escalates_to=None)

    response = as_bob.post(address(reviewed, "escalate"), {"note": "too large for me"})

    assert response.status_code == 422
    assert "There is nobody to escalate to" in text_of(response)
    assert not given_back()


def test_moving_gives_the_review_back(as_bob, bob, reviewed):
    queue = make_queue("seniors")

    assert as_bob.post(address(reviewed, "move"), {"queue": "none"}).status_code == 422
    response = as_bob.post(address(reviewed, "move"), {"queue": "seniors"}, follow=True)

    assert f"•••• lind is in {queue.title} now." in text_of(response)
    assert given_back()
    reviewed.refresh_from_db()
    assert reviewed.queue != queue


def test_snoozing_gives_the_review_back(as_bob, reviewed):
    snooze = address(reviewed, "snooze")

    assert "What do you wait for?" in text_of(as_bob.get(snooze))
    assert as_bob.post(snooze, {"until": "tomorrow"}, headers=HTMX).status_code == 422
    past = {"until": "at", "at": "2020-01-01T10:00", "reason": "the bank answers"}
    assert "That time has passed" in text_of(as_bob.post(snooze, past, headers=HTMX))
    assert not given_back()
    response = as_bob.post(snooze, {"until": "tomorrow", "reason": "the bank answers"}, headers=HTMX)

    assert response.headers["HX-Redirect"].startswith(("/cases/", "/queue/"))
    assert given_back()
    reviewed.refresh_from_db()
    assert reviewed.snoozed_until is None


@pytest.mark.parametrize(("tool", "sent"), [("tags", {"tags": "mule"}), ("files", {})])
def test_tags_and_files_of_others_are_not_shown_and_none_are_kept(as_bob, alice, reviewed, tool, sent):
    tag_service.add_tags(case=reviewed, names=["thief"], author=alice, now=THEN + HOUR)

    page, answer = as_bob.get(address(reviewed, tool)), as_bob.post(address(reviewed, tool), sent, headers=HTMX)

    assert (page.status_code, answer.status_code) == (200, 422)
    assert "just now" in text_of(answer)
    assert "thief" not in text_of(page) + text_of(answer)
    assert list(reviewed.tags.values_list("name", flat=True)) == ["thief"]


def test_the_queue_a_lead_can_move_to_is_offered_as_ever(as_bob, bob, reviewed):
    assert "Move to another queue" in text_of(as_bob.get(reviewed.get_absolute_url()))


def test_no_review_comes_from_a_queue_that_was_not_asked_for_or_is_not_ones_own(alice, bob):
    review_everything()
    mine, others = make_queue("mine", members=[bob]), make_queue("others", members=[alice])
    make_case(queue=mine, due_at=now() + HOUR)
    case = decided_case(alice, decided_at=THEN, queue=others)

    assert take(bob, now=now()) is None
    others.members.add(bob)
    assert take(bob, now=now(), queue=mine) is None
    assert take(bob, now=now(), queue=others) is None
    make_case(queue=others, due_at=now() + HOUR)
    assert take(bob, now=now(), queue=others).case == case
