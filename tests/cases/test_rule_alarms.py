"""Alarms of rules: raised once, closed by themselves, acknowledged by a person."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.timezone import now as clock
from prometheus_client import CollectorRegistry

from cases import tasks
from cases.metrics import CaseCollector
from cases.models import HourlyFigures, RuleAlarm, RuleFigures, RuleHours
from cases.policy.health_signs import LOOK_BACK_HOURS
from cases.services import rule_alarms
from scoring.models import PolicyEvent
from scoring.services.policy import RuleDraft
from tests.factories import DAY, HOUR, MINUTE, NOON, make_decision
from tests.scoring.payments import publish, tampering

pytestmark = pytest.mark.django_db
Kind = RuleAlarm.Kind
RULE = RuleDraft("velocity", "amount > 1", "review", "Much")


@pytest.fixture
def live():
    """A version with one rule, in force since before all that is counted."""
    policy = publish(RULE)
    with tampering():
        PolicyEvent.objects.update(happened_at=NOON - 100 * DAY)
    return policy


def count_hours(hits, *, code="velocity", until=NOON):
    """Hits of each hour up to `until`, of 1,000 payments each; an hour of none has no row."""
    HourlyFigures.objects.bulk_create(
        [
            HourlyFigures(
                hour=until - back * HOUR, currency="EUR", policy_version=1, approved=1000, reviewed=0, declined=0,
                amount=Decimal(1), stopped=0, stopped_amount=0, pending=0, pending_stake=0, missed=0, missed_amount=0,
                false_alarms=0, false_alarm_amount=0, cleared=0,
            )
            for back in range(LOOK_BACK_HOURS)
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    RuleHours.objects.bulk_create(
        RuleHours(
            hour=until - back * HOUR, code=code, flagged=number, frauds=0, legitimate=0, passed=0, passed_frauds=0,
            passed_legitimate=0, alone=0, failures=0, last_hit_at=until - back * HOUR,
        )
        for back, number in enumerate(reversed(hits))
        if number
    )  # fmt: skip


def count_days(days, frauds, legitimate):
    RuleFigures.objects.bulk_create(
        RuleFigures(day=NOON.date() - timedelta(days=back), code="velocity", hits=9, frauds=frauds,
                    legitimate=legitimate, last_hit_at=NOON)
        for back in days
    )  # fmt: skip


def open_alarms():
    return set(RuleAlarm.objects.filter(closed_at=None).values_list("code", "kind"))


def test_a_spike_is_raised_once_and_closes_when_it_is_over(live):
    count_hours([5] * (LOOK_BACK_HOURS - 1) + [60])

    assert rule_alarms.watch_rules(now=NOON + MINUTE).opened == 1
    assert rule_alarms.watch_rules(now=NOON + 2 * MINUTE).opened == 0

    alarm = RuleAlarm.objects.get()
    assert (alarm.kind, alarm.opened_at, alarm.seen_at) == (Kind.SPIKE, NOON + MINUTE, NOON + 2 * MINUTE)
    assert alarm.words == "60 hits within 1 hour; 5 are usual at this time"
    assert alarm.figures["hits"] == 60
    assert rule_alarms.watch_rules(now=NOON + 3 * DAY).closed == 1
    alarm.refresh_from_db()
    assert alarm.closed_at == NOON + 3 * DAY


def test_a_rule_that_went_silent_is_told_until_it_hits_again(live):
    count_hours([2] * (LOOK_BACK_HOURS - 12) + [0] * 12)

    rule_alarms.watch_rules(now=NOON)
    assert open_alarms() == {("velocity", Kind.SILENCE)}
    assert "No hit for 12 hours" in RuleAlarm.objects.get().words

    rule_alarms.watch_rules(now=NOON + 60 * DAY)
    assert open_alarms() == {("velocity", Kind.SILENCE)}

    count_hours([1], until=NOON + 60 * DAY)
    rule_alarms.watch_rules(now=NOON + 60 * DAY + MINUTE)
    assert open_alarms() == set()


def test_a_rule_that_has_just_been_published_is_compared_with_nothing(live):
    count_hours([0] * (LOOK_BACK_HOURS - 3) + [50, 60, 70], code="fresh")
    publish(RULE, RuleDraft("fresh", "amount > 2", "review", "New"), based_on=live.version)
    with tampering():
        PolicyEvent.objects.filter(policy__version=live.version + 1).update(happened_at=NOON - 3 * HOUR)

    rule_alarms.watch_rules(now=NOON)

    assert open_alarms() == set()


def test_what_is_not_in_force_raises_nothing_and_what_was_raised_closes(live):
    count_hours([5] * (LOOK_BACK_HOURS - 1) + [60])
    count_hours([5] * (LOOK_BACK_HOURS - 1) + [60], code="former")
    rule_alarms.watch_rules(now=NOON)
    assert open_alarms() == {("velocity", Kind.SPIKE)}

    publish(RuleDraft("velocity", "amount > 1", "review", "Much", is_enabled=False), based_on=live.version)
    rule_alarms.watch_rules(now=NOON)

    assert open_alarms() == set()


def test_lists_that_do_something_are_watched_too(live):
    count_hours([5] * (LOOK_BACK_HOURS - 1) + [60], code="block_list:card")
    count_hours([5] * (LOOK_BACK_HOURS - 1) + [60], code="mules_list:card")

    rule_alarms.watch_rules(now=NOON)

    assert open_alarms() == {("block_list:card", Kind.SPIKE)}


def test_fallen_precision_is_told_with_both_figures(live):
    count_days(range(15, 40), frauds=8, legitimate=1)
    count_days(range(0, 14), frauds=2, legitimate=6)

    rule_alarms.watch_rules(now=NOON)

    assert open_alarms() == {("velocity", Kind.PRECISION)}
    assert RuleAlarm.objects.get().words == (
        "25% of the 112 labelled hits of 14 days are fraud; before, 89% of 225 were"
    )


def test_a_rule_is_told_of_seven_days_before_it_expires_until_somebody_sees_to_it(live):
    expiring = RuleDraft("velocity", "amount > 1", "review", "Much", expires_at=NOON)
    second = publish(expiring, based_on=live.version)
    rule_alarms.watch_rules(now=NOON - 8 * DAY)
    assert open_alarms() == set()

    rule_alarms.watch_rules(now=NOON - 7 * DAY)
    assert RuleAlarm.objects.get().words == "Expires on 20 Nov 2026 at 12:00 UTC"

    rule_alarms.watch_rules(now=NOON + DAY)
    assert "Has expired" in RuleAlarm.objects.get().words

    publish(RULE, based_on=second.version)
    rule_alarms.watch_rules(now=NOON + DAY)
    assert open_alarms() == set()


def test_one_payment_that_a_rule_failed_on_is_enough_and_six_hours_of_quiet_end_it(live):
    make_decision(rule_failures=["velocity"], transaction_id="t-broke")

    rule_alarms.watch_failures(now=NOON + MINUTE)

    alarm = RuleAlarm.objects.get()
    assert (alarm.code, alarm.kind) == ("velocity", Kind.FAILING)
    assert "1 payment in the last 6 hours, last at 12:00 UTC for t-broke" in alarm.words
    assert rule_alarms.watch_failures(now=NOON + 5 * HOUR).closed == 0
    assert rule_alarms.watch_failures(now=NOON + 6 * HOUR).closed == 1


def test_a_failure_of_long_ago_raises_nothing(live):
    make_decision(rule_failures=["velocity"], decided_at=NOON - 7 * HOUR)

    assert rule_alarms.watch_failures(now=NOON).opened == 0


def test_only_one_of_a_kind_is_open(live):
    RuleAlarm.objects.create(code="r", kind=Kind.SPIKE, opened_at=NOON, seen_at=NOON, closed_at=NOON, words="x")
    RuleAlarm.objects.create(code="r", kind=Kind.SPIKE, opened_at=NOON, seen_at=NOON, words="x")

    with pytest.raises(IntegrityError, match="rule_alarm_open_once"), transaction.atomic():
        RuleAlarm.objects.create(code="r", kind=Kind.SPIKE, opened_at=NOON, seen_at=NOON, words="x")


def test_the_first_who_acknowledges_is_kept(live, mia, aude):
    alarm = RuleAlarm.objects.create(code="r", kind=Kind.SPIKE, opened_at=NOON, seen_at=NOON, words="x")

    rule_alarms.acknowledge(alarm_id=alarm.id, actor=mia, now=NOON)
    with pytest.raises(rule_alarms.ClosedAlarmError):
        rule_alarms.acknowledge(alarm_id=alarm.id, actor=aude, now=NOON + MINUTE)

    alarm.refresh_from_db()
    assert (alarm.acknowledged_by, alarm.acknowledged_at) == (mia, NOON)


def test_without_a_policy_there_is_nothing_to_watch():
    make_decision(rule_failures=["velocity"])

    assert rule_alarms.watch_rules(now=NOON) == rule_alarms.Watched(0, 0)
    assert rule_alarms.watch_failures(now=NOON) == rule_alarms.Watched(0, 0)


@pytest.mark.django_db(transaction=True)
def test_one_process_watches_at_a_time(other_connection):
    for name in ("alarms of rules", "alarms of failing rules"):
        other_connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])

    assert rule_alarms.watch_rules(now=NOON) is None
    assert rule_alarms.watch_failures(now=NOON) is None


def test_the_clock_has_rules_watched(live):
    make_decision(rule_failures=["velocity"], decided_at=clock())

    tasks.watch_rules()
    tasks.watch_rule_failures()

    assert open_alarms() == {("velocity", Kind.FAILING)}
    schedule = settings.CELERY_BEAT_SCHEDULE
    assert schedule["watch-rules"]["task"] == tasks.watch_rules.name
    assert schedule["watch-rule-failures"]["task"] == tasks.watch_rule_failures.name


def test_prometheus_is_told_how_many_alarms_are_open():
    for kind, closed_at in ((Kind.SPIKE, None), (Kind.SPIKE, NOON), (Kind.FAILING, None)):
        RuleAlarm.objects.create(code="r", kind=kind, opened_at=NOON, seen_at=NOON, closed_at=closed_at, words="x")
    registry = CollectorRegistry()
    registry.register(CaseCollector())

    numbers = [registry.get_sample_value("fraud_rule_alarms", {"kind": kind}) for kind in Kind.values]

    assert numbers == [1, 1, 0, 0, 0]


def test_watching_takes_as_many_queries_with_more_rules(live, django_assert_max_num_queries, django_assert_num_queries):
    count_hours([5] * LOOK_BACK_HOURS)
    with django_assert_max_num_queries(30) as few:
        rule_alarms.watch_rules(now=NOON)
    rules = [RuleDraft(f"r{number}", "amount > 1", "review", "Much") for number in range(5)]
    publish(RULE, *rules, based_on=live.version)
    for rule in rules:
        count_hours([5] * LOOK_BACK_HOURS, code=rule.code)

    with django_assert_num_queries(len(few)):
        rule_alarms.watch_rules(now=NOON)
