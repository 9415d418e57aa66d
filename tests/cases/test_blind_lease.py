"""A blind review from being handed out to its end: the lease, giving it back, losing the right to it."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils.timezone import now

from cases.models import Check
from cases.services import checks
from tests.cases.reviewing import THEN, decided_case, in_review, review_everything, take
from tests.cases.test_blind_review import SAID
from tests.factories import make_case


@pytest.fixture
def reviewed(alice, bob):
    return in_review(alice, bob)


def test_the_open_page_keeps_the_review(client, bob, reviewed):
    client.force_login(bob)
    until = Check.objects.get().taken_until

    response = client.post(f"{reviewed.get_absolute_url()}claim/", {"renew": "on"}, headers={"HX-Request": "true"})

    assert "Yours while this page is open" in response.content.decode()
    assert SAID.findall(response.content.decode()) == []
    assert Check.objects.get().taken_until > until


def test_who_may_review_no_more_keeps_no_review(client, bob, reviewed):
    client.force_login(bob)
    bob.groups.clear()

    response = client.post(f"{reviewed.get_absolute_url()}verdict/", {"verdict": "fraud"})

    assert response.status_code == 403
    assert SAID.findall(response.content.decode()) == []
    assert (Check.objects.get().analyst, Check.objects.get().verdict) == (None, "")


@pytest.mark.parametrize("action", ["skip", "release"])
def test_a_review_is_given_back_and_does_not_come_again(client, bob, reviewed, action):
    client.force_login(bob)
    client.get(reviewed.get_absolute_url())

    client.post(f"{reviewed.get_absolute_url()}{action}/", {"note": ""})

    check = Check.objects.get()
    assert (check.analyst, check.taken_until) == (None, None)
    assert take(bob, now=now()) is None


def test_a_review_that_went_back_meanwhile_is_refused_without_a_word_of_the_verdict(client, bob, reviewed, monkeypatch):
    client.force_login(bob)
    held = Check.objects.select_related("case", "analyst").get()
    checks.give_back(held)
    monkeypatch.setattr("cases.blind.checks.held_by", lambda *args, **kwargs: held)

    for action, sent in (("verdict", {"verdict": "fraud"}), ("claim", {}), ("notes", {"note": "x"})):
        response = client.post(f"{reviewed.get_absolute_url()}{action}/", sent, follow=True)
        assert "went back to the queue" in response.content.decode()


def test_next_hands_out_the_review_at_the_address_of_the_case(client, alice, bob, monkeypatch):
    review_everything(second_rate=0.5)
    make_case(card_id="waits")
    case = decided_case(alice, decided_at=THEN)
    monkeypatch.setattr("cases.views.queue.SystemRandom.random", lambda self: 0.2)
    client.force_login(bob)

    assert client.post("/next/").url == case.get_absolute_url()
    assert Check.objects.get().analyst == bob


@pytest.mark.parametrize("is_htmx", [True, False])
def test_a_page_whose_review_ran_out_is_not_answered_with_the_verdict(client, alice, bob, monkeypatch, is_htmx):
    review_everything(second_rate=0.5)
    make_case(card_id="waits")
    case = decided_case(alice, decided_at=THEN)
    monkeypatch.setattr("cases.views.queue.SystemRandom.random", lambda self: 0.2)
    client.force_login(bob)
    client.post("/next/")
    checks.return_expired(now=now() + timedelta(seconds=settings.CLAIM_LEASE_SECONDS + 1))

    headers = {"HX-Request": "true"} if is_htmx else {}
    for action in ("claim", "verdict"):
        response = client.post(f"{case.get_absolute_url()}{action}/", {"verdict": "fraud"}, headers=headers)
        assert response.headers["HX-Redirect" if is_htmx else "Location"] == "/queue/"
        assert SAID.findall(response.content.decode()) == []

    assert "went back to the queue" in client.get("/queue/").content.decode()
    assert Check.objects.get().verdict == ""
