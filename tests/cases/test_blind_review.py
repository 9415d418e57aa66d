"""The pages of a case under blind review: the same as any other, and nothing of what was said."""

import re
from datetime import time, timedelta

import pytest
from django.utils.timezone import now

from cases import snooze
from cases.models import Case, CaseEvent, Check
from cases.services import checks, claims
from cases.services.review_settings import change_settings
from scoring.models import Label
from tests.cases.reviewing import THEN, decided_case, in_review, review_everything, take
from tests.factories import DAY, HOUR, MINUTE, make_case, make_decision, make_label, make_user

SAID = re.compile(
    r"labelled fraud|fraud · (analyst|chargeback)|decided|Alice|thief|stolen_card|Verdict</b>|known case", re.I
)


@pytest.fixture
def reviewed(alice, bob):
    return in_review(alice, bob)


@pytest.fixture
def page(client, bob, reviewed):
    client.force_login(bob)
    return lambda: client.get(reviewed.get_absolute_url())


def body(response) -> str:
    """The page without what every case's page says: legends, buttons, keys."""
    text = response.content.decode()
    text = re.sub(r"<dialog.*?</dialog>", "", text, flags=re.S)
    text = re.sub(r'<form id="verdict-panel".*?</form>', "", text, flags=re.S)
    return re.sub(r'<span class="legend">.*?</span>', "", text, flags=re.S)


def test_nothing_of_what_was_said_is_on_the_page(page):
    response = page()

    assert response.status_code == 200
    assert SAID.findall(body(response)) == []
    assert "dot-fraud" not in response.content.decode()


def test_the_ordinary_page_does_say_it(client, mia, reviewed):
    client.force_login(mia)

    found = {
        match.lower()
        for match in re.findall(r"thief|Alice|fraud · chargeback", body(client.get(reviewed.get_absolute_url())))
    }

    assert found == {"thief", "alice", "fraud · chargeback"}


@pytest.fixture
def ordinary(bob, reviewed):
    """A case that is what the other one looks like: waiting, and claimed by bob."""
    waiting = Case.objects.get(card_id="card-of-the-queue")
    claims.claim(case=waiting, analyst=bob, now=now())
    return waiting


PARTS = re.compile(
    r"<h2[^>]*>([^<]+)|<b>(Viewed|Claimed|Opened)</b>(?: by (\w+) <span[^>]*>([^<]*))?"
    r"|(Yours while|left to decide|No files yet)|data-key=\"(.)|name=\"(\w+)\"|<dialog id=\"([^\"]+)"
)


@pytest.fixture
def _evenings_never_pass(monkeypatch):
    """Each page offers to sleep until the evening of its own clock, and these two may stand on both sides of one."""
    monkeypatch.setattr(snooze, "_EVENING", time.max)
    monkeypatch.setattr(snooze, "_LEAST", timedelta(0))


@pytest.mark.usefixtures("_evenings_never_pass")
def test_the_page_has_the_same_parts_as_an_ordinary_one(page, client, ordinary):
    def parts(response):
        return PARTS.findall(response.content.decode())

    blind = parts(page())

    assert blind == parts(client.get(ordinary.get_absolute_url()))
    assert len(blind) > 40


def test_the_history_has_the_same_entries_as_an_ordinary_one(client, bob, reviewed, ordinary):
    client.force_login(bob)

    found = [
        PARTS.findall(client.get(f"{case.get_absolute_url()}history/", headers=headers).content.decode())
        for case in (reviewed, ordinary)
        for headers in ({}, {"HX-Request": "true"})
    ]

    assert found[:2] == found[2:]
    assert ("", "Claimed", "Bob", "For 5 min, renewed while the page is open", "", "", "", "") in found[1]


def test_a_label_that_came_before_the_verdict_is_hidden_too(client, bob, reviewed):
    make_label(reviewed.alerts.get().decision, known_at=THEN - HOUR, source="issuer_report")
    client.force_login(bob)

    assert "issuer_report" not in client.get(reviewed.get_absolute_url()).content.decode()


def test_what_was_known_of_other_cards_then_is_shown_and_what_came_later_is_not(client, bob, reviewed):
    early = make_decision(card_id="card-early", occurred_at=THEN - DAY)
    make_label(early, known_at=THEN - HOUR)
    late = make_decision(card_id="card-late", occurred_at=THEN - DAY)
    make_label(late, known_at=THEN + HOUR)
    make_decision(card_id="card-after", occurred_at=THEN + HOUR)
    client.force_login(bob)

    text = client.get(reviewed.get_absolute_url()).content.decode()

    assert text.count("fraud · chargeback") == 1
    assert "card-after" not in text
    assert "card-late" in text


def test_the_case_of_another_card_looks_as_it_did_then(client, alice, bob, reviewed):
    payment = make_decision(card_id="card-later", occurred_at=THEN - HOUR)
    decided_case(alice, decisions=[payment], decided_at=THEN + HOUR, verdict="inconclusive")
    client.force_login(bob)

    assert "inconclusive</a>" not in client.get(reviewed.get_absolute_url()).content.decode()


def test_a_verdict_is_kept_apart_and_the_next_case_comes(client, bob, reviewed):
    client.force_login(bob)
    labels = Label.objects.count()

    response = client.post(
        f"{reviewed.get_absolute_url()}verdict/", {"verdict": "legitimate", "note": "his son"}, follow=True
    )

    check = Check.objects.get()
    assert (check.verdict, check.agrees, check.note) == ("legitimate", False, "his son")
    assert Label.objects.count() == labels
    assert "•••• lind: Legitimate. Case closed." in response.content.decode()
    assert response.redirect_chain[-1][0].startswith("/cases/")
    assert str(reviewed.id) not in response.redirect_chain[-1][0]


def test_a_verdict_that_says_nothing_is_refused_on_the_same_page(client, bob, reviewed):
    client.force_login(bob)

    response = client.post(f"{reviewed.get_absolute_url()}verdict/", {"verdict": "perhaps"})

    assert response.status_code == 422
    assert SAID.findall(body(response)) == []


def test_notes_of_who_had_the_review_before_are_not_shown_though_they_were_left(client, reviewed):
    """As after a process of an older version took it, which empties `note` alone."""
    check = Check.objects.select_related("analyst").get()
    checks.add_note(check, author=check.analyst, text="bob asked the bank", now=now())
    left = Check.objects.get().notes
    checks.give_back(check)
    carol = make_user("lead", username="carol")
    take(carol, now=now())
    Check.objects.update(notes=left)
    client.force_login(carol)

    response = client.post(
        f"{reviewed.get_absolute_url()}notes/", {"note": "carol asked the shop"}, headers={"HX-Request": "true"}
    )

    shown = response.content.decode()
    assert "carol asked the shop" in shown
    assert "bob asked the bank" not in shown


def test_a_note_by_a_clock_behind_that_of_the_taking_is_shown(client, bob, reviewed):
    check = Check.objects.select_related("analyst").get()

    checks.add_note(check, author=bob, text="asked the bank", now=check.taken_at - MINUTE)

    client.force_login(bob)
    assert "asked the bank" in client.get(reviewed.get_absolute_url()).content.decode()


def test_notes_stay_with_the_review(client, bob, reviewed):
    client.force_login(bob)
    events = CaseEvent.objects.filter(case=reviewed, kind="note").count()
    address = f"{reviewed.get_absolute_url()}notes/"

    fragment = client.post(address, {"note": "called the shop"}, headers={"HX-Request": "true"})
    assert "called the shop" in fragment.content.decode()
    assert client.post(address, {"note": ""}).status_code == 422
    plain = client.post(address, {"note": "and the bank"}, follow=True)

    assert "called the shop" in plain.content.decode()
    assert SAID.findall(body(plain)) == []
    assert Check.objects.get().note == "called the shop\nand the bank\n"
    assert CaseEvent.objects.filter(case=reviewed, kind="note").count() == events


def test_a_skip_that_is_too_long_shows_the_page_again(client, bob, reviewed):
    client.force_login(bob)

    response = client.post(f"{reviewed.get_absolute_url()}skip/", {"note": "x" * 2001})

    assert response.status_code == 422
    assert SAID.findall(body(response)) == []


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("post", "known/"),
        ("post", "known/remove/"),
        ("get", "print/"),
        ("post", "reopen/"),
        ("post", "wake/"),
        ("post", "tags/remove/"),
        ("post", "verdicts/VERDICT/approve/"),
        ("post", "verdicts/VERDICT/refuse/"),
        ("get", "files/FILE/"),
        ("post", "files/FILE/remove/"),
    ],
)
def test_whatever_else_is_asked_of_the_case_is_refused(client, bob, reviewed, method, address):
    client.force_login(bob)
    events = reviewed.events.count()
    said = address.replace("VERDICT", str(reviewed.verdicts.get().id)).replace("FILE", str(reviewed.id))

    response = getattr(client, method)(f"{reviewed.get_absolute_url()}{said}", {"truth": "fraud", "reason": "x"})

    assert response.status_code == 403
    assert SAID.findall(body(response)) == []
    assert reviewed.events.count() == events


def test_a_reviewer_who_sees_data_first_sees_no_score(client, alice, bob):
    review_everything()
    change_settings(values={}, displays={bob.id: "always"})
    make_case(card_id="waits")
    case = decided_case(
        alice, decided_at=THEN, decisions=[make_decision(score=0.87654, card_id="card-blind")], stake="987.65"
    )
    take(bob, now=now())
    client.force_login(bob)

    text = client.get(case.get_absolute_url()).content.decode()

    assert Check.objects.get().variant == "data_first"
    assert re.findall(r"\b0\.877|\b988 ", text) == []
    assert "score shown after the verdict" in text


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("fraud", "a known case, slipped in: fraud, as you said"),
        ("legitimate", "a known case, slipped in: it was fraud"),
    ],
)
def test_a_known_case_tells_what_it_was(client, bob, reviewed, said, expected):
    Check.objects.update(kind="known")
    client.force_login(bob)

    response = client.post(f"{reviewed.get_absolute_url()}verdict/", {"verdict": said}, follow=True)

    text = response.content.decode()
    assert expected in text
    assert (f'<a href="{reviewed.get_absolute_url()}">Look at it again</a>' in text) == (said == "legitimate")


def test_a_known_case_tells_nothing_where_the_desk_does_not_want_it(client, bob, reviewed):
    Check.objects.update(kind="known")
    change_settings(values={"tells_known": False}, displays={})
    client.force_login(bob)

    response = client.post(f"{reviewed.get_absolute_url()}verdict/", {"verdict": "legitimate"}, follow=True)

    assert "known case" not in response.content.decode()
    assert "Legitimate. Case closed." in response.content.decode()


def test_twice_the_history_takes_as_many_queries(
    client, bob, reviewed, django_assert_max_num_queries, django_assert_num_queries
):
    client.force_login(bob)
    client.get(reviewed.get_absolute_url())
    with django_assert_max_num_queries(33) as few:
        client.get(reviewed.get_absolute_url())
    for number in range(5):
        make_decision(card_id="card-blind", occurred_at=THEN - number * MINUTE)
        CaseEvent.objects.create(case=reviewed, kind="joined", happened_at=THEN - HOUR)

    with django_assert_num_queries(len(few)):
        client.get(reviewed.get_absolute_url())
