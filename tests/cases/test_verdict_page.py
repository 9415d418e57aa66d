"""The verdict on the case page: the plain form, what it offers and what it answers."""

from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils.timezone import now

from cases.models import Case, Verdict
from cases.services import reopening, verdict_effects, verdicts
from scoring.models import Label, ListEntry
from tests.factories import DAY, HOUR, NOON, make_case, make_decision, make_queue


@pytest.fixture
def url(case):
    return lambda name: reverse(name, args=[case.id])


def text_of(response):
    return response.content.decode()


def settle():
    return verdict_effects.settle_due(now=now() + HOUR)


def say(client, case, verdict="fraud", **fields):
    return client.post(reverse("verdict", args=[case.id]), {"verdict": verdict, **fields})


def test_a_verdict_closes_the_case_and_opens_the_next(as_alice, case, url):
    next_case = make_case(stake=Decimal(5))

    response = as_alice.post(
        url("verdict"), {"verdict": "fraud", "typology": "card_testing", "note": "", "seen_alerts": 1}
    )

    assert response.url == next_case.get_absolute_url()
    case.refresh_from_db()
    assert (case.verdict, case.typology) == ("fraud", "card_testing")
    assert "Fraud. Case closed." in text_of(as_alice.get(response.url))
    assert settle() == 1
    assert Label.objects.get().label == "fraud"


def test_the_last_verdict_returns_to_the_queue(as_alice, case, url):
    response = as_alice.post(url("verdict"), {"verdict": "inconclusive"}, follow=True)

    assert response.redirect_chain[-1][0] == reverse("queue")
    assert "Inconclusive. Case closed." in text_of(response)


def test_the_slower_analyst_is_told(as_alice, bob, case, url):
    verdicts.record(case=case, analyst=bob, verdict="fraud", decided_at=NOON)

    response = as_alice.post(url("verdict"), {"verdict": "legitimate", "note": "x"})

    assert response.status_code == 422
    assert "Bob has already decided this case: fraud, 12:00:00 UTC" in text_of(response)


def test_a_verdict_on_fewer_payments_than_there_are_is_asked_again(as_alice, case, url):
    response = as_alice.post(url("verdict"), {"verdict": "fraud", "seen_alerts": 7, "note": "my words"})

    assert response.status_code == 422
    assert "has grown to 1 payment" in text_of(response)
    assert "my words</textarea>" in text_of(response)


def test_a_key_pressed_twice_does_not_decide_the_case_that_has_grown(as_alice, case, url):
    assert "data-key-guard" not in text_of(as_alice.get(url("case_detail")))

    refused = as_alice.post(url("verdict"), {"verdict": "fraud", "seen_alerts": 7})

    assert "data-verdict data-key-guard" in text_of(refused)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"verdict": "guilty"},
        {"verdict": "fraud", "typology": "x"},
        {"verdict": "fraud", "note": "n" * 2001},
        {"verdict": "fraud", "note": "\0"},
        {"verdict": "fraud", "seen_alerts": "many"},
        {"verdict": "legitimate", "why_wrong": "x"},
        {"verdict": "fraud", "block_days": "2"},
        {"verdict": "fraud", "allow_device": "\0"},
        {"verdict": "fraud", "label-x": "fraud"},
        {"verdict": "fraud", "label-7": "guilty"},
        {"verdict": "fraud", "label-99999999999999999999": "fraud"},
        {"verdict": "fraud", "label-1": "fraud"},
        {"verdict": "fraud", "recent_listed": "on", "recent": "-1"},
    ],
)
def test_a_bad_verdict_changes_nothing(as_alice, case, url, wrong):
    response = as_alice.post(url("verdict"), wrong)

    assert response.status_code == 422
    assert 'role="alert"' in text_of(response)
    assert Case.objects.get().status == "open"


def test_the_kind_of_fraud_is_dropped_when_it_is_none(as_alice, case, url):
    as_alice.post(url("verdict"), {"verdict": "legitimate", "typology": "stolen_card"})

    case.refresh_from_db()
    assert (case.verdict, case.typology) == ("legitimate", "")


def test_a_decided_case_offers_no_verdict(as_alice, bob, case, url):
    verdicts.record(case=case, analyst=bob, verdict="legitimate", decided_at=NOON)

    text = text_of(as_alice.get(url("case_detail")))

    assert 'name="verdict"' not in text
    assert "Legitimate" in text


def test_the_reason_why_we_were_wrong_is_kept_of_a_legitimate_verdict_only(as_alice, case):
    say(as_alice, case, "legitimate", typology="stolen_card", why_wrong="travel")

    said = Verdict.objects.get()
    assert (said.typology, said.why_wrong) == ("", "travel")
    assert "Legitimate, travelling: 1 payment to label" in case.events.get(kind="verdict").text
    other = make_case()
    say(as_alice, other, "fraud", typology="stolen_card", why_wrong="travel")
    said = other.verdicts.get()
    assert (said.typology, said.why_wrong) == ("stolen_card", "")


def test_each_flagged_payment_may_get_its_own_verdict(as_alice):
    mine, stolen = make_decision(), make_decision()
    case = make_case(decisions=[mine, stolen])
    assert f'name="label-{mine.id}"' in text_of(as_alice.get(case.get_absolute_url()))

    say(as_alice, case, **{f"label-{mine.id}": "legitimate", f"label-{stolen.id}": ""})
    settle()

    assert (mine.labels.get().label, stolen.labels.get().label) == ("legitimate", "fraud")


def test_a_case_of_one_payment_asks_for_one_verdict(as_alice, case, url):
    assert 'name="label-' not in text_of(as_alice.get(url("case_detail")))


def test_the_last_weeks_payments_are_offered_one_by_one(as_alice, case, url):
    ticked, unticked = [
        make_decision(card_id=case.card_id, occurred_at=now() - days * DAY, outcome="approve") for days in (1, 6)
    ]
    make_decision(card_id=case.card_id, occurred_at=now() - 8 * DAY, outcome="approve")

    text = text_of(as_alice.get(url("case_detail")))
    assert "<b data-verdict-recent-count>2</b> others of 7 days" in text
    assert text.count('name="recent"') == 2
    say(as_alice, case, include_recent="on", recent_listed="on", recent=[ticked.id])
    settle()

    assert ticked.labels.get().label == "fraud"
    assert not unticked.labels.exists()


def test_the_buttons_say_what_follows(as_alice, settings):
    settings.VERDICT_BLOCK_DAYS = 7
    case = make_case(decisions=[make_decision(), make_decision(outcome="decline")])

    text = text_of(as_alice.get(case.get_absolute_url()))

    assert "block card 7 days, </span>" in text
    assert 'refuse, label <span data-verdict-labels="fraud">2 payments</span>' in text
    assert 'release, label <span data-verdict-labels="legitimate">2 payments</span>' in text


def test_a_fraud_verdict_blocks_the_card_as_chosen(as_alice, case):
    say(as_alice, case, block_days="0")
    settle()

    entry = ListEntry.objects.get()
    assert (entry.list_id, entry.value, entry.expires_at) == ("block", case.card_id, None)


@pytest.mark.parametrize("days", ["-1", ""])
def test_without_a_choice_no_card_is_blocked(as_alice, case, days):
    say(as_alice, case, block_days=days)
    settle()

    assert not ListEntry.objects.exists()


def test_who_may_not_block_is_not_asked_and_blocks_nothing(as_alice, alice, case, url):
    alice.groups.get().permissions.remove(*alice.groups.get().permissions.filter(codename="block_by_verdict"))

    assert "block_days" not in text_of(as_alice.get(url("case_detail")))
    say(as_alice, case, block_days="30")
    settle()

    assert not ListEntry.objects.exists()


def test_a_queue_that_escalates_to_nobody_offers_no_way_up(as_alice, case, url):
    case.queue.escalates_to = make_queue("large")
    case.queue.save()
    assert "Escalate <small>to Large</small>" in text_of(as_alice.get(url("case_detail")))
    case.queue.escalates_to = None
    case.queue.save()

    assert "data-dialog-instead" not in text_of(as_alice.get(url("case_detail")))


def test_more_payments_take_as_many_queries(as_alice, alice, django_assert_num_queries, django_assert_max_num_queries):
    case = make_case(decisions=[make_decision(card_id="card-1")])
    said = verdicts.record(case=case, analyst=alice, verdict="fraud", block_days=1, decided_at=now())
    reopening.undo(verdict=said, analyst=alice, now=now())
    make_decision(card_id="card-1", occurred_at=now() - DAY)
    as_alice.get(case.get_absolute_url())
    with django_assert_max_num_queries(37) as few:
        as_alice.get(case.get_absolute_url())
    for _ in range(3):
        make_decision(card_id="card-1", occurred_at=now() - DAY)

    with django_assert_num_queries(len(few)):
        as_alice.get(case.get_absolute_url())
