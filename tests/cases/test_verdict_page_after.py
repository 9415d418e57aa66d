"""A verdict on the pages after it was said: undone, waiting, opened again; and what is filled in again."""

from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils.timezone import now

from cases.models import Case, Verdict
from cases.services import claims, reopening, verdict_effects, verdicts
from tests.factories import DAY, HOUR, NOON, flag, make_case, make_decision, make_queue


@pytest.fixture
def url(case):
    return lambda name: reverse(name, args=[case.id])


def text_of(response):
    return response.content.decode()


def settle():
    return verdict_effects.settle_due(now=now() + HOUR)


def say(client, case, verdict="fraud", **fields):
    return client.post(reverse("verdict", args=[case.id]), {"verdict": verdict, **fields})


def undo(client, *said):
    return client.post("/undo/", {"verdict": [one.id for one in said]}, follow=True)


def test_undo_returns_to_the_case_with_everything_filled_in(as_alice, alice):
    own, other = make_decision(occurred_at=now()), make_decision(occurred_at=now())
    case = make_case(decisions=[own, other])
    recent = [make_decision(card_id=case.card_id, occurred_at=now() - DAY, outcome="approve") for _ in range(2)]
    filled = {"typology": "card_testing", "note": "called <b>them</b>", "block_days": "7", f"label-{own.id}": "none"}
    say(as_alice, case, include_recent="on", recent_listed="on", recent=[recent[0].id], **filled)

    response = undo(as_alice, case.verdicts.get())

    assert response.redirect_chain == [(case.get_absolute_url(), 302)]
    text = text_of(response)
    assert "fraud taken back. Nothing has left." in text
    assert "Yours while this page is open" in text
    assert 'value="card_testing" data-key="2" checked' in text
    assert "called &lt;b&gt;them&lt;/b&gt;</textarea>" in text
    assert '<option value="7" data-words="block card 7 days, " selected>' in text
    assert '<option value="none" selected>' in text
    assert 'name="include_recent" data-key="a" checked' in text
    assert f'name="recent" value="{recent[0].id}" checked' in text
    assert f'name="recent" value="{recent[1].id}" >' in text


def test_the_case_that_came_next_goes_back_to_the_queue(as_alice, alice, case):
    following = make_case(stake=Decimal(5))
    text = text_of(as_alice.get(say(as_alice, case).url))
    assert f'name="leaving" value="{following.id}"' in text

    as_alice.post("/undo/", {"verdict": case.verdicts.get().id, "leaving": following.id})

    following.refresh_from_db()
    assert following.claimed_by is None
    assert following.handlings.get().ending == "released"
    case.refresh_from_db()
    assert case.claimed_by == alice


@pytest.mark.parametrize("whose", ["another's", "nobody", "no case", "x"])
def test_an_undo_releases_no_case_of_another(as_alice, bob, case, whose):
    other = make_case(stake=Decimal(5))
    say(as_alice, case)
    claims.release(case=other, actor=bob, now=now(), may_release_others=True)
    if whose == "another's":
        claims.claim(case=other, analyst=bob, now=now())
    leaving = {"x": "x", "no case": "00000000-0000-4000-8000-000000000000"}.get(whose, other.id)

    assert (
        as_alice.post("/undo/", {"verdict": case.verdicts.get().id, "leaving": leaving}).url == case.get_absolute_url()
    )

    other.refresh_from_db()
    assert other.claimed_by == (bob if whose == "another's" else None)


def test_a_legitimate_verdict_taken_back_keeps_its_reason_and_device(as_alice):
    case = make_case(decisions=[make_decision(device_id="phone")])
    say(as_alice, case, "legitimate", why_wrong="new_device", allow_device="phone")

    text = text_of(undo(as_alice, case.verdicts.get()))

    assert 'value="new_device" data-key="4" checked' in text
    assert 'name="allow_device" value="phone" data-key="d" checked' in text


def test_a_note_that_is_said_again_stands_once_in_the_history(as_alice, case):
    say(as_alice, case, note="called")
    undo(as_alice, case.verdicts.get())
    say(as_alice, case, "legitimate", note="called")

    assert case.events.filter(kind="note").count() == 1


def test_another_analyst_does_not_find_what_was_filled_in(client, as_alice, bob, case, url):
    say(as_alice, case, note="mine only")
    reopening.undo(verdict=case.verdicts.get(), analyst=Verdict.objects.get().analyst, now=now())
    client.force_login(bob)

    assert "mine only</textarea>" not in text_of(client.get(url("case_detail")))


def test_undo_is_offered_on_every_page_until_its_time_is_over(as_alice, case, settings):
    say(as_alice, case)
    assert f'name="verdict" value="{case.verdicts.get().id}"' in text_of(as_alice.get("/queue/"))
    assert "data-undo=" in text_of(as_alice.get("/search/"))

    settings.VERDICT_UNDO_SECONDS = 0
    other = make_case()
    say(as_alice, other)

    assert "data-undo=" not in text_of(as_alice.get("/queue/"))


def test_who_comes_too_late_with_an_undo_is_told(as_alice, case):
    say(as_alice, case)
    settle()

    response = undo(as_alice, case.verdicts.get())

    assert response.redirect_chain == [(case.get_absolute_url(), 302)]
    assert "too late, the verdict has taken effect" in text_of(response)
    assert "Open the case again" in text_of(response)


def test_nobody_takes_back_the_verdict_of_another(client, as_alice, bob, case):
    say(as_alice, case)
    client.force_login(bob)

    assert "only who said the verdict can take it back" in text_of(undo(client, case.verdicts.get()))
    assert Case.objects.get().status == "decided"


def test_several_verdicts_are_taken_back_at_once(as_alice):
    cases = [make_case(), make_case()]
    for case in cases:
        say(as_alice, case)

    response = undo(as_alice, *Verdict.objects.all())

    assert response.redirect_chain == [("/queue/", 302)]
    assert Case.objects.filter(status="open").count() == 2


@pytest.mark.parametrize("named", [{}, {"verdict": "x"}, {"verdict": "0"}, {"verdict": "9" * 30}])
def test_an_undo_of_nothing_leads_to_the_queue(as_alice, named):
    assert as_alice.post("/undo/", named).url == "/queue/"


def test_a_case_whose_verdict_waits_says_so(client, as_alice, bob, case, url):
    say(as_alice, case, block_days="30")
    client.force_login(bob)

    text = text_of(client.get(url("case_detail")))

    assert "Takes effect at" in text
    assert "label 1 payment fraud" in text
    assert "block the card for 30 days" in text
    assert "Take it back" not in text


def test_a_page_in_another_browser_takes_it_back_too(client, as_alice, alice, case, url):
    verdicts.record(case=case, analyst=alice, verdict="fraud", decided_at=now())

    assert "Take it back" in text_of(as_alice.get(url("case_detail")))


def test_the_page_of_a_decided_case_tells_what_left(as_alice, case, url):
    say(as_alice, case, block_days="30")
    settle()

    text = text_of(as_alice.get(url("case_detail")))

    assert "1 payment labelled fraud" in text
    assert "card blocked until" in text
    assert "1 payment refused" in text


def test_a_case_is_opened_again_with_a_reason(as_alice, alice, case, url):
    say(as_alice, case)
    settle()

    assert as_alice.post(url("reopen"), {"reason": " "}).status_code == 422
    assert as_alice.post(url("reopen"), {"reason": "the customer called"}).url == case.get_absolute_url()

    case.refresh_from_db()
    assert (case.status, case.claimed_by) == ("open", alice)
    assert "the customer called" in text_of(as_alice.get(url("case_history")))


def test_a_case_of_before_verdicts_were_kept_can_be_opened_again(as_alice, alice):
    case = make_case(status="decided", verdict="fraud", decided_at=NOON, decided_by=alice)

    assert "Open the case again" in text_of(as_alice.get(case.get_absolute_url()))


def test_a_card_with_an_open_case_leads_there(as_alice):
    case = flag(make_decision())
    say(as_alice, case)
    settle()
    newer = flag(make_decision())

    response = as_alice.post(reverse("reopen", args=[case.id]), {"reason": "x"}, follow=True)

    assert response.redirect_chain == [(newer.get_absolute_url(), 302)]
    assert "The card has an open case, this one" in text_of(response)


def test_a_waiting_verdict_is_not_opened_again_but_undone(as_alice, case, url):
    say(as_alice, case)

    response = as_alice.post(url("reopen"), {"reason": "x"}, follow=True)

    assert "its verdict can still be undone" in text_of(response)
    assert Case.objects.get().status == "decided"


def test_a_verdict_in_a_queue_that_is_not_theirs_is_not_undone(as_alice, alice, mia, case):
    say(as_alice, case)
    Case.objects.filter(id=case.id).update(queue=make_queue(members=[mia]))

    response = undo(as_alice, case.verdicts.get())

    assert response.redirect_chain[0][0] == "/queue/"
    assert case.card_id[-4:] not in " ".join(str(message) for message in response.context["messages"])
    assert case.verdicts.get().state == "waiting"
