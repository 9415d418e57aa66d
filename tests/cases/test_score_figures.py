"""Scores counted ahead: each payment once, under what rules and lists asked of it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import IntegrityError
from django.db.models import Sum
from django.utils.timezone import now

from cases.models import ScoreDay, ScoreFigures
from cases.services import score_figures
from scoring.models import Policy
from scoring.services.policy import RuleDraft, write_parts
from scoring.thresholds import AMOUNTS, THRESHOLDS
from tests.cases.dashboard_world import TODAY
from tests.cases.threshold_world import count, pay
from tests.factories import DAY, make_label

pytestmark = pytest.mark.django_db

RULES = [
    RuleDraft("look", "amount > 1", "review", "x"),
    RuleDraft("stop", "amount > 1", "decline", "x"),
    RuleDraft("few", "amount > 1", "", "x", points=60),
    RuleDraft("more", "amount > 1", "", "x", points=150),
    RuleDraft("good", "amount > 1", "", "x", points=-50),
]
LISTS = {"block": "decline", "allow": "approve", "watch": "review"}


def make_policy():
    policy = Policy.objects.create(
        version=1, status="draft", review_threshold=0.5, decline_threshold=0.9, note="for a test"
    )
    write_parts(policy, rules=RULES, bands=(), lists=LISTS)


def asked_of(**values):
    make_policy()
    pay(**values)
    count()
    return ScoreFigures.objects.get().get_asked_display()


@pytest.mark.parametrize(
    ("hits", "asked"),
    [
        ([], "Nothing"),
        (["look"], "Review"),
        (["look", "stop"], "Decline"),
        (["few"], "Nothing"),
        (["few", "more"], "Decline"),
        (["more"], "Review"),
        (["more", "good"], "Review"),
        (["few", "more", "good"], "Review"),
        (["block_list:card"], "Decline"),
        (["allow_list:device", "stop"], "Approve"),
        (["allow_list:device", "block_list:card"], "Decline"),
        (["watch_list:ip"], "Review"),
        (["watch_list:ip", "stop"], "Decline"),
        (["gone_list:ip", "unheard_of"], "Nothing"),
    ],
)
def test_what_rules_and_lists_asked_for_is_told_from_what_the_score_did(hits, asked):
    assert asked_of(rule_hits=hits) == asked


def test_a_rule_that_failed_asks_for_review():
    assert asked_of(rule_failures=["look"]) == "Review"


def test_a_rule_that_failed_is_silenced_by_an_allow_list():
    assert asked_of(rule_hits=["allow_list:card"], rule_failures=["look"]) == "Approve"


def test_each_payment_is_counted_once_with_its_label():
    pay(score=0.2, label="fraud", amount=Decimal("12.50"))
    pay(score=0.21, amount=Decimal("12.60"))
    pay(score=0.95)
    pay(score=0.95, label="legitimate")
    pay(score=None)

    assert count() == 1

    low = ScoreFigures.objects.get(amount=Decimal("25.1"))
    assert (low.payments, low.frauds, low.fraud_amount, low.unknown) == (2, 1, Decimal("12.5"), 0)
    assert low.score == pytest.approx(0.41)
    assert float(low.stake) == pytest.approx(0.2 * 12.5 + 0.21 * 12.6)
    assert THRESHOLDS[low.score_class - 1] == 0.2
    assert AMOUNTS[low.amount_class - 1] == 10
    high = ScoreFigures.objects.get(score__gt=1)
    assert (high.payments, high.unknown, high.unknown_score) == (2, 1, pytest.approx(0.95))
    assert ScoreFigures.objects.get(score_class=None).payments == 1


@pytest.mark.parametrize("score", [0.0, 1e-9, *THRESHOLDS, 0.9999])
def test_a_score_is_in_the_class_of_the_thresholds_it_reaches(score):
    pay(score=score)
    count()

    assert ScoreFigures.objects.get().score_class == sum(score >= threshold for threshold in THRESHOLDS)


def test_of_one_source_the_newest_label_is_believed():
    payment = pay(label="legitimate")
    make_label(payment, "fraud", known_at=now())
    count()

    assert ScoreFigures.objects.get().frauds == 1


def test_the_day_that_runs_is_not_counted():
    pay(days_ago=0)

    assert count() == 0
    assert not ScoreFigures.objects.exists()
    assert score_figures.count_scores(now=now() + DAY) == 1


def test_only_days_that_changed_are_counted_again():
    first = pay(days_ago=3)
    pay(days_ago=5)
    assert count() == 2
    assert count() == 0

    make_label(first, "fraud", known_at=now())

    assert count() == 1
    assert ScoreFigures.objects.aggregate(payments=Sum("payments"), frauds=Sum("frauds")) == {
        "payments": 2,
        "frauds": 1,
    }


def test_a_day_counted_just_now_waits_for_more_labels():
    payment = pay()
    count()
    make_label(payment, "fraud", known_at=now())
    score_figures.mark_days([TODAY.date() - DAY])

    assert score_figures.count_scores(now=now()) == 0
    assert score_figures.count_scores(now=now() + score_figures.RECOUNT_AFTER + timedelta(minutes=1)) == 1


def test_a_change_while_a_day_is_counted_is_not_lost(monkeypatch):
    pay()
    count_day = score_figures._count_day

    def meanwhile(day, at):
        count_day(day, at)
        score_figures.mark_days([day])

    with monkeypatch.context() as patched:
        patched.setattr(score_figures, "_count_day", meanwhile)
        count()

    assert count() == 1


def test_days_counted_for_the_dashboard_before_are_met():
    pay()
    count()
    ScoreDay.objects.all().delete()
    ScoreFigures.objects.all().delete()

    assert score_figures.count_scores(now=now()) == 1
    assert ScoreFigures.objects.get().payments == 1


def test_the_command_counts_at_once(capsys):
    pay()

    call_command("count_figures")

    assert "Counted the scores of 1 days." in capsys.readouterr().out


def test_figures_that_do_not_add_up_are_refused():
    pay()
    count()

    with pytest.raises(IntegrityError, match="score_figures_add_up"):
        ScoreFigures.objects.update(frauds=2)
