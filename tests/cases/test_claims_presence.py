"""Presence: who has the page of a case open, for the others to see."""

import pytest
from django.urls import reverse
from django.utils.timezone import now

from cases import tasks
from cases.models import Presence
from cases.queries.presence import lookers_at
from cases.services import claims, presence, verdicts
from cases.services.presence import FORGOTTEN_AFTER
from tests.factories import MINUTE, NOON, make_case

HTMX = {"HX-Request": "true"}


def look(case, viewer, at=NOON):
    presence.record_sign(case=case, viewer=viewer, now=at)


def fragment(client, user, case, name="look"):
    client.force_login(user)
    return client.post(reverse(name, args=[case.id]), headers=HTMX).content.decode()


def test_somebody_who_looks_is_seen_until_the_signs_stop(alice, aude, case):
    look(case, aude)

    assert lookers_at(case, besides=alice, now=NOON + FORGOTTEN_AFTER) == [aude]
    assert lookers_at(case, besides=alice, now=NOON + FORGOTTEN_AFTER + MINUTE) == []


def test_signs_of_one_person_are_one_row(alice, aude, case):
    look(case, aude)
    look(case, aude, at=NOON + MINUTE)

    assert Presence.objects.get().seen_at == NOON + MINUTE


def test_neither_oneself_nor_the_claimant_looks_too(alice, bob, aude, case):
    claims.claim(case=case, analyst=bob, now=NOON)
    for person in (alice, bob, aude):
        look(case, person)

    assert lookers_at(case, besides=alice, now=NOON) == [aude]


def test_the_sweep_forgets_who_left(alice, bob, case):
    look(case, alice, at=now() - FORGOTTEN_AFTER - MINUTE)
    look(case, bob, at=now())

    assert tasks.forget_who_left() == 1
    assert tasks.forget_who_left() == 0
    assert Presence.objects.get().user == bob


@pytest.mark.parametrize("give_back", [
    lambda case, who: claims.skip(case=case, analyst=who, reason="", now=NOON),
    lambda case, who: claims.release(case=case, actor=who, now=NOON),
])  # fmt: skip
def test_who_gives_a_case_back_looks_no_more(alice, bob, case, give_back):
    claims.claim(case=case, analyst=alice, now=NOON)
    look(case, alice)

    give_back(case, alice)

    assert lookers_at(case, besides=bob, now=NOON) == []


def test_looking_gives_no_right_and_takes_none(alice, bob, case):
    look(case, bob)

    claims.claim(case=case, analyst=alice, now=NOON)
    verdicts.record(case=case, analyst=alice, verdict="fraud", typology="", note="", decided_at=NOON)

    case.refresh_from_db()
    assert case.decided_by == alice


def test_the_page_of_an_auditor_says_that_they_look(client, alice, aude, case):
    client.force_login(aude)

    page = client.get(case.get_absolute_url()).content.decode()

    assert f'hx-post="{reverse("look", args=[case.id])}"' in page
    assert "looking too" not in page
    assert "<b>Aude</b> is looking too" in fragment(client, alice, case, "claim")


def test_an_analyst_who_came_second_is_seen_by_the_first(client, alice, bob, case):
    claims.claim(case=case, analyst=alice, now=now())

    assert "<b>Alice</b> is working on this case" in fragment(client, bob, case, "claim")
    text = fragment(client, alice, case, "claim")

    assert "Yours while this page is open" in text
    assert "<b>Bob</b> is looking too" in text


def test_an_auditors_page_learns_who_claims_and_looks_without_claiming(client, alice, mia, aude, case):
    claims.claim(case=case, analyst=alice, now=now())
    look(case, mia, at=now())

    text = fragment(client, aude, case)

    assert "<b>Alice</b> is working on this case" in text
    assert "<b>Mia</b> is looking too" in text
    assert "<html" not in text
    case.refresh_from_db()
    assert case.claimed_by == alice


def test_several_are_named_together(client, alice, mia, aude, case):
    look(case, mia, at=now())
    look(case, aude, at=now())

    assert "<b>Aude and Mia</b> are looking too" in fragment(client, alice, case, "claim")


def test_nobody_waits_for_a_sign_on_a_decided_case(client, alice, aude, case):
    verdicts.record(case=case, analyst=alice, verdict="fraud", typology="", note="", decided_at=NOON)

    assert "hx-post" not in fragment(client, aude, case)


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_the_queue_names_who_looks(client, alice, aude, case, headers):
    make_case()
    look(case, aude, at=now())
    look(case, alice, at=now())
    client.force_login(alice)

    text = client.get("/queue/", headers=headers).content.decode()

    assert text.count("Aude is looking") == 1
    assert text.count("is looking") == 1
