"""The random audit: who is drawn, with which chance, once; and what the sample says."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from cases.audit import LEAST_CHANCE, chance_of_day, thinned
from cases.models import AuditDraw, AuditRate, AuditSetting, Case, FeedEntry, HourlyFigures
from cases.queries.audit import audited_in, audited_stretches
from cases.services import alerts
from cases.services.audit import current_setting, draw_audit, set_audit
from cases.services.figures import refresh_figures
from scoring.models import Decision, Outbox, Outcome
from streams.ledger.effects import check_alerts, check_audit
from streams.ledger.log import Span
from streams.ledger.report import Check
from tests.cases.audit_draws import DAY, approved, audit, drawn_among, ids_of
from tests.factories import HOUR, MINUTE, NOON, flag, make_decision, make_label, make_user


def test_who_is_drawn_follows_from_the_id_and_the_salt(db):
    audit()
    payments = approved(200)

    draw_audit(ids_of(payments), now=NOON)

    assert set(AuditDraw.objects.values_list("decision_id", flat=True)) == drawn_among(payments) != set()
    assert {draw.chance for draw in AuditDraw.objects.all()} == {0.05}


def test_nothing_is_drawn_unless_somebody_has_set_a_share(db):
    payments = approved(100)

    assert draw_audit(ids_of(payments), now=NOON) == 0
    audit(share=0.0)
    assert draw_audit(ids_of(payments), now=NOON) == 0


def test_delivered_again_nobody_is_drawn_twice(db):
    audit()
    payments = approved(100)
    once = draw_audit(ids_of(payments), now=NOON)

    assert once > 0
    assert draw_audit(ids_of(payments), now=NOON + DAY) == 0
    assert AuditDraw.objects.count() == once


def test_what_was_flagged_is_not_drawn(db):
    audit()
    payments = [make_decision(outcome=outcome) for outcome in (Outcome.REVIEW, Outcome.DECLINE) for _ in range(60)]

    assert draw_audit(ids_of(payments), now=NOON) == 0


@pytest.mark.parametrize("score", [0.01, None], ids=["with a model", "without a model"])
def test_a_drawn_payment_gets_a_case_that_says_so_and_comes_last(db, score):
    audit()
    payments = approved(100)
    Decision.objects.filter(id__in=ids_of(payments)).update(score=score)
    draw_audit(ids_of(payments), now=NOON)
    row = Outbox.objects.get(topic=Outbox.Topic.ALERTS)
    flag(make_decision(card_id="card-flagged", amount=Decimal(100), score=0.9))

    alerts.open_cases(row.ids, now=NOON)

    case = Case.objects.get(card_id="card-7731")
    assert case.top_reason == "Random audit: nothing suspicious was found by the system"
    assert case.events.first().text.startswith("Drawn at random: ")
    assert case.due_at == NOON + HOUR
    assert case.alert_count == len(row.ids)
    assert case.stake == 0
    assert list(Case.objects.order_by("-rank").values_list("card_id", flat=True)) == ["card-flagged", "card-7731"]


def test_a_flagged_payment_that_joins_is_not_called_an_audit(db):
    audit()
    drawn = next(one for one in approved(200) if one.id in drawn_among([one]))
    draw_audit([drawn.id], now=NOON)
    alerts.open_cases([drawn.id], now=NOON)
    assert Case.objects.get().is_audit

    flag(make_decision(card_id=drawn.card_id, amount=Decimal(1), score=0.4))

    case = Case.objects.get()
    assert not case.is_audit
    assert (case.amount, case.top_reason) == (1, "7 payments in the last hour; 1 is usual")
    assert FeedEntry.objects.count() == 2


def test_the_chance_of_a_day_keeps_to_the_cap():
    assert chance_of_day(0.01, daily_reviews=50, expected=None) == 0.01
    assert chance_of_day(0.01, daily_reviews=50, expected=1_000) == 0.01
    assert chance_of_day(0.01, daily_reviews=50, expected=100_000) == 0.0005


def test_beyond_the_cap_the_chance_falls_and_is_never_nothing():
    chances = [thinned(0.01, drawn=drawn, daily_reviews=80) for drawn in (0, 79, 80, 89, 90, 1_000)]

    assert chances == [0.01, 0.01, 0.0025, 0.0025, 0.000625, 1e-7]


def test_a_cap_that_is_lowered_far_below_what_is_drawn_already_holds_nothing_up(db):
    setting = audit()
    rate = AuditRate.objects.create(setting=setting, day=NOON.date(), chance=0.05)
    AuditDraw.objects.bulk_create(
        AuditDraw(decision=one, rate=rate, day=rate.day, number=0.01, chance=0.05, drawn_at=NOON)
        for one in approved(70)
    )
    audit(daily_reviews=1, now=NOON)

    assert draw_audit(ids_of(approved(5)), now=NOON) == 0
    assert thinned(0.05, drawn=10_000, daily_reviews=1) == LEAST_CHANCE


def test_a_day_much_busier_than_the_days_before_goes_little_beyond_the_cap(db):
    audit(daily_reviews=4)
    payments = approved(600)

    draw_audit(ids_of(payments), now=NOON)

    chances = list(AuditDraw.objects.order_by("decision_id").values_list("chance", flat=True))
    assert 4 <= len(chances) <= 8
    assert chances[:4] == [0.05] * 4
    assert all(chance < 0.05 for chance in chances[4:])


def test_the_expected_number_is_that_of_the_busiest_day_of_the_week_before(db):
    audit(daily_reviews=100)
    for days, number in ((9, 90_000), (3, 10_000), (2, 4_000)):
        HourlyFigures.objects.create(
            hour=NOON - days * DAY, currency="EUR", policy_version=1, approved=number, reviewed=0, declined=0, amount=0,
            stopped=0, stopped_amount=0, pending=0, pending_stake=0, missed=0, missed_amount=0, false_alarms=0,
            false_alarm_amount=0, cleared=0,
        )  # fmt: skip

    draw_audit(ids_of(approved(1)), now=NOON)

    rate = AuditRate.objects.get()
    assert (rate.expected, rate.chance) == (10_000, 0.01)


def test_the_history_of_the_setting_is_kept(db):
    bob = make_user("lead", username="bob")
    set_audit(share=0.01, daily_reviews=50, actor=bob, now=NOON)
    set_audit(share=0.01, daily_reviews=50, actor=bob, now=NOON + MINUTE)
    last = set_audit(share=0.0, daily_reviews=50, actor=bob, now=NOON + HOUR)

    assert current_setting() == last
    assert list(AuditSetting.objects.order_by("id").values_list("share", "set_by__username", "set_at")) == [
        (0.01, "bob", NOON),
        (0.0, "bob", NOON + HOUR),
    ]
    with pytest.raises(IntegrityError, match="stays on record"), transaction.atomic():
        AuditSetting.objects.update(share=0.02)


@pytest.mark.parametrize(("share", "daily_reviews"), [(0.051, 50), (-0.01, 50), (0.01, 0)])
def test_the_table_refuses_what_is_no_setting(db, share, daily_reviews):
    with pytest.raises(IntegrityError, match="audit_"):
        set_audit(share=share, daily_reviews=daily_reviews, actor=None, now=NOON)


def test_whole_hours_with_a_share_are_audited():
    settings = [(NOON - MINUTE, 0.01), (NOON + HOUR, 0.02), (NOON + 3 * HOUR + MINUTE, 0.0), (NOON + 5 * HOUR, 0.01)]

    assert audited_stretches(settings, NOON - DAY, NOON + 7 * HOUR) == [
        (NOON, NOON + 3 * HOUR),
        (NOON + 5 * HOUR, NOON + 7 * HOUR),
    ]
    assert audited_stretches([], NOON - DAY, NOON) == []


def test_recall_is_told_by_the_sample_and_by_what_others_report(db):
    alice = make_user("analyst", username="alice")
    audit()
    payments = approved(400)
    draw_audit(ids_of(payments), now=NOON)
    drawn = list(Decision.objects.filter(audit_draw__isnull=False).order_by("id"))
    assert len(drawn) > 5
    fraud, reported, unseen, *others = drawn
    make_label(fraud, "fraud", source="analyst", author=alice)
    make_label(reported, "fraud", source="chargeback")
    make_label(unseen, "legitimate", source="analyst")
    for other in others:
        make_label(other, "legitimate", source="analyst", author=alice)
    for _ in range(30):
        make_label(make_decision(), "fraud", source="analyst", author=alice)
    refresh_figures(now=NOON + HOUR)

    found = audited_in(NOON - DAY, NOON + 2 * HOUR, currency="EUR")

    assert (found.drawn, found.stopped, found.missed_reported) == (len(drawn), 30, 1)
    assert (found.sample.reviewed, found.sample.frauds) == (len(drawn) - 2, 1)
    weight = 20 * (len(drawn) - 1) / (len(drawn) - 2)
    assert found.recall.value == pytest.approx(30 / (31 + weight))
    assert found.recall.low < found.recall.value < found.recall.high <= 30 / 31


def test_the_ledger_check_knows_drawn_payments(db):
    audit()
    payments = approved(100)
    draw_audit(ids_of(payments), now=NOON)
    Outbox.objects.all().delete()
    check = Check("B", "effects", "look")
    check_audit(check, Span(None, None))
    assert check.faults == AuditDraw.objects.count()

    alerts.open_cases(ids_of(payments), now=NOON)
    check = Check("B", "effects", "look")
    check_audit(check, Span(None, None))
    check_alerts(check, Span(None, None))
    assert check.faults == 0
