"""What the page of a version says of its time in shadow."""

from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest
from django.template.loader import render_to_string

from cases.policy import shadow as query
from cases.policy.shadow import shadow_of
from scoring.models import Policy, PolicyEvent, ShadowChange, ShadowFigures, ShadowRuleFigures
from scoring.services.policy import RuleDraft
from tests.factories import DAY, HOUR, NOON, flag, make_decision, make_label, make_user
from tests.scoring.shadow_world import SMALL, leave_shadow, shadow

pytestmark = pytest.mark.django_db
_cards = count(1)


@pytest.fixture
def tried() -> Policy:
    return shadow(SMALL, RuleDraft("never", "amount > 9999", "review", "x"), since=NOON - 4 * DAY)


def count_in(policy: Policy, outcome: str, shadow_outcome: str, payments: int, *, currency="EUR", day=NOON) -> None:
    ShadowFigures.objects.create(
        policy=policy, day=day.date(), currency=currency, outcome=outcome, shadow_outcome=shadow_outcome,
        payments=payments, amount=Decimal(10 * payments),
    )  # fmt: skip


def change(policy: Policy, outcome: str, shadow_outcome: str, *, label: str = "", **values) -> ShadowChange:
    decision = make_decision(**{"outcome": outcome, "card_id": f"card-{next(_cards):04d}"} | values)
    if label:
        make_label(decision, label)
    return ShadowChange.objects.create(policy=policy, decision=decision, outcome=shadow_outcome)


def shown(policy: Policy, user, *, now=NOON):
    return shadow_of(Policy.objects.get(id=policy.id), user=user, now=now)


def page(policy: Policy, user, *, now=NOON) -> str:
    text = render_to_string("policy/_shadow_of.html", {"shadow": shown(policy, user, now=now), "policy": policy})
    return " ".join(text.split())


def test_outcomes_alerts_and_hits_are_told_by_day(tried, mia):
    for day in (NOON - DAY, NOON):
        count_in(tried, "approve", "approve", 900, day=day)
        count_in(tried, "approve", "review", 30, day=day)
        count_in(tried, "review", "approve", 10, day=day)
        count_in(tried, "decline", "decline", 4, day=day)
        ShadowRuleFigures.objects.create(policy=tried, day=day.date(), code="small", hits=34, failures=1)

    found = shown(tried, mia)

    assert (found.payments, found.changed, found.alerts_a_day, found.live_alerts_a_day) == (1888, 80, 17.0, 7.0)
    assert [[cell.payments for cell in row] for row in found.matrix] == [[1800, 60, 0], [20, 0, 0], [0, 0, 8]]
    assert [(rule.code, rule.hits, rule.hits_a_day, rule.failures) for rule in found.rules] == [
        ("small", 68, 17.0, 2), ("never", 0, 0.0, 0),
    ]  # fmt: skip
    said = page(tried, mia)
    assert "Alerts a day with this version</dt><dd><b>17.0</b>" in said
    assert "Rules could not be computed 2 times" in said
    assert "not met" in said


def test_amounts_of_changes_are_by_currency(tried, mia):
    count_in(tried, "approve", "decline", 3)
    count_in(tried, "approve", "decline", 2, currency="USD")

    (kind,) = shown(tried, mia).kinds

    assert (kind.words, kind.cell.payments) == ("Declined instead of approved", 5)
    assert kind.cell.amounts == (("EUR", Decimal(30)), ("USD", Decimal(20)))


def test_labels_say_what_would_have_been_caught_bothered_missed_and_spared(tried, mia):
    count_in(tried, "approve", "review", 30)
    count_in(tried, "review", "approve", 10)
    for label, number in (("fraud", 12), ("legitimate", 13), ("", 5)):
        for _ in range(number):
            change(tried, "approve", "review", label=label, amount=Decimal(10))
    change(tried, "review", "approve", label="fraud")

    caught, missed = shown(tried, mia).kinds

    assert (caught.frauds, caught.legitimate, caught.fraud_share.value) == (12, 13, 12 / 25)
    assert (missed.frauds, missed.legitimate) == (1, 0)
    said = page(tried, mia)
    assert 'would have caught <b>12</b><br><span class="soft small nowrap">120.00 EUR' in said
    assert "would have bothered <b>13</b>" in said
    assert "would have missed <b>1</b>" in said
    assert "<b>48%</b>" in said
    assert "30% – 67%, of 25" in said
    assert "1 of 1" in said
    assert "too few to tell" in said


def test_the_label_that_is_believed_counts(tried, mia):
    count_in(tried, "approve", "review", 1)
    one = change(tried, "approve", "review", label="fraud")
    make_label(one.decision, "legitimate", known_at=NOON + HOUR)

    (kind,) = shown(tried, mia).kinds

    assert (kind.frauds, kind.legitimate) == (0, 1)


def test_examples_are_of_each_kind_labelled_ones_first_and_lead_to_the_console(tried, mia):
    count_in(tried, "approve", "review", 30)
    count_in(tried, "review", "approve", 1)
    changes = [change(tried, "approve", "review") for _ in range(29)]
    labelled = change(tried, "approve", "review", label="fraud")
    alerted = change(tried, "review", "approve")
    case = flag(alerted.decision)

    examples = shown(tried, mia).examples

    assert len(examples) == 20
    assert examples[0]["transaction_id"] == labelled.decision.transaction_id
    assert [one["id"] for one in examples[1:19]] == [one.decision_id for one in reversed(changes)][:18]
    assert (examples[-1]["case_id"], examples[-1]["shadow_outcome"]) == (case.id, "approve")
    said = page(tried, mia)
    assert case.get_absolute_url() in said
    assert f"/search/?q={labelled.decision.transaction_id}" in said


def test_examples_are_for_who_may_see_cases(tried, mallory):
    count_in(tried, "approve", "review", 1)
    change(tried, "approve", "review", card_id="card-secret")

    assert shown(tried, mallory).examples == []
    assert "Examples" not in page(tried, mallory)


def test_a_young_shadow_is_called_young_and_nothing_is_told_by_day(mia):
    young = shadow(since=NOON - 5 * HOUR)
    count_in(young, "approve", "review", 7)

    found = shown(young, mia)

    assert (found.alerts_a_day, found.rules[0].hits_a_day, found.alerts) == (None, None, 7)
    said = page(young, mia)
    assert "Less than a day" in said
    assert "A day</th>" not in said


def test_a_shadow_that_has_seen_nothing_says_so(mia):
    empty = shadow(since=NOON - 5 * HOUR)

    assert "No payment was decided yet" in page(empty, mia)
    assert "Outcomes" not in page(empty, mia)


def test_a_shadow_that_changes_nothing_says_so(tried, mia):
    count_in(tried, "approve", "approve", 7)

    assert "Every payment would have been decided as it was" in page(tried, mia)


def test_a_version_that_was_never_in_shadow_has_none(mia):
    draft = shadow(status=Policy.Status.DRAFT)
    Policy.objects.filter(id=draft.id).update(shadow_since=None)

    assert shown(draft, mia) is None
    assert "was never tried on live payments" in page(draft, mia)


def test_payments_that_could_not_be_judged_are_told_apart(tried, mia):
    ShadowRuleFigures.objects.create(policy=tried, day=NOON.date(), code="", hits=0, failures=3)

    found = shown(tried, mia)

    assert (found.not_judged, [rule.code for rule in found.rules]) == (3, ["never", "small"])
    assert "3 payments could not be judged by this version" in page(tried, mia)


@pytest.mark.parametrize("how", ["published", "returned", "discarded"])
def test_a_version_that_left_the_shadow_keeps_its_figures_and_says_until_when(tried, mia, how):
    count_in(tried, "approve", "review", 40)
    leave_shadow(tried)
    PolicyEvent.objects.create(policy=tried, action=how, happened_at=NOON - 2 * DAY)

    found = shown(tried, mia)

    assert (found.until, found.lasted, found.alerts_a_day) == (NOON - 2 * DAY, timedelta(days=2), 20.0)
    assert "to <time" in page(tried, mia)


def test_who_reviews_a_case_blind_does_not_read_here_what_was_said(tried, monkeypatch):
    count_in(tried, "review", "approve", 1)
    one = change(tried, "review", "approve", label="fraud")
    case = flag(one.decision)
    sight = query.sight_of(make_user("analyst"))
    monkeypatch.setattr(query, "sight_of", lambda user: type(sight)(user.id, blind=frozenset([case.id])))

    (example,) = shown(tried, make_user("lead")).examples

    assert (example["label"], example["case_status"]) == ("", "open")


def test_of_changes_that_are_no_longer_kept_the_labels_are_said_to_be_missing(tried, mia, monkeypatch):
    monkeypatch.setattr(query, "CHANGES_KEPT", 2)
    count_in(tried, "approve", "review", 9)
    for _ in range(3):
        change(tried, "approve", "review", label="fraud")

    found = shown(tried, mia)

    assert (found.kinds[0].cell.payments, found.kinds[0].frauds) == (9, 2)
    assert "Labels are those of the newest 2 changed payments" in page(tried, mia)


def test_the_number_of_queries_does_not_depend_on_how_much_there_is(tried, mia, django_assert_num_queries):
    mia.get_all_permissions()
    count_in(tried, "approve", "review", 9)
    change(tried, "approve", "review")
    policy = Policy.objects.get(id=tried.id)
    shadow_of(policy, user=mia, now=NOON)

    with django_assert_num_queries(6):
        shadow_of(policy, user=mia, now=NOON)
    for _ in range(5):
        change(tried, "approve", "decline", label="fraud")
    count_in(tried, "approve", "decline", 9)
    with django_assert_num_queries(6):
        shadow_of(policy, user=mia, now=NOON)
