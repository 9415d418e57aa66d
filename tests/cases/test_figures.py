"""Figures counted ahead say what a direct count of the record says, whatever came late or was corrected."""

from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from cases import tasks
from cases.models import FiguresProgress, HourlyFigures, RuleFigures
from cases.services import figures
from scoring.services.locks import try_lock
from tests.cases.figures_world import refresh
from tests.factories import DAY, HOUR, MINUTE, NOON, flag, make_decision, make_label

pytestmark = pytest.mark.django_db
COUNTS = ("approved", "reviewed", "declined", "stopped", "pending", "missed", "false_alarms", "cleared")


def sums(**conditions):
    rows = HourlyFigures.objects.filter(**conditions)
    return {name: sum(getattr(row, name) for row in rows) for name in COUNTS}


def test_payments_are_counted_by_outcome_and_label():
    make_label(make_decision(outcome="decline", amount=Decimal("100")))
    make_label(make_decision(outcome="review", amount=Decimal("40")), "legitimate")
    make_decision(outcome="review", amount=Decimal("50"), score=0.5)
    make_label(make_decision(outcome="approve", amount=Decimal("7.50")))
    make_label(make_decision(outcome="approve", amount=Decimal("1")), "legitimate")
    make_decision(outcome="approve", amount=Decimal("1"))

    refresh()

    row = HourlyFigures.objects.get()
    assert (row.hour, row.currency, row.policy_version) == (NOON, "EUR", 1)
    assert (row.approved, row.reviewed, row.declined, row.amount) == (3, 2, 1, Decimal("199.50"))
    assert (row.stopped, row.stopped_amount) == (1, Decimal("100"))
    assert (row.pending, row.pending_stake) == (1, Decimal("25"))
    assert (row.missed, row.missed_amount) == (1, Decimal("7.50"))
    assert (row.false_alarms, row.false_alarm_amount) == (1, Decimal("40"))
    assert row.cleared == 1


def test_currencies_hours_and_versions_are_kept_apart():
    make_decision(currency="USD")
    make_decision(occurred_at=NOON - timedelta(microseconds=1))
    make_decision(policy_version=2)
    make_decision(model_version="m-2")
    make_decision()

    refresh()

    assert HourlyFigures.objects.count() == 5
    assert HourlyFigures.objects.filter(hour=NOON - HOUR).count() == 1


def test_of_two_labels_the_weightier_source_is_believed():
    decision = make_decision()
    make_label(decision, "fraud", known_at=NOON, source="customer")
    make_label(decision, "legitimate", known_at=NOON + HOUR, source="analyst")

    refresh()

    assert sums()["false_alarms"] == 0
    assert sums()["stopped"] == 1


def test_a_label_that_is_taken_back_is_counted_no_more():
    decision = make_decision()
    make_label(decision, "fraud", known_at=NOON, source="customer")
    refresh()
    make_label(decision, "withdrawn", known_at=NOON + HOUR, source="customer")

    refresh()

    assert (sums()["stopped"], sums()["pending"]) == (0, 1)


def test_late_payments_late_labels_and_corrections_are_counted_where_they_belong():
    old = make_decision(occurred_at=NOON - 20 * DAY, outcome="approve")
    refresh()
    make_decision(occurred_at=NOON - 10 * DAY, outcome="decline")
    make_label(old)
    refresh()
    assert sums(hour=NOON - 10 * DAY)["declined"] == 1
    assert sums(hour=NOON - 20 * DAY)["missed"] == 1

    make_label(old, "legitimate", known_at=NOON + MINUTE)
    refresh()

    assert sums(hour=NOON - 20 * DAY)["missed"] == 0
    assert sums(hour=NOON - 20 * DAY)["cleared"] == 1


def test_what_has_not_changed_is_not_counted_again():
    make_decision(occurred_at=NOON - DAY)
    for _ in range(3):
        refresh()
    make_decision()
    assert refresh() == figures.Refreshed(hours=1, days=0)


def test_counted_again_from_the_start_it_says_the_same():
    for number in range(40):
        outcome = ["approve", "review", "decline"][number % 3]
        decision = make_decision(occurred_at=NOON - number * 7 * HOUR, outcome=outcome, rule_hits=["r1", "r2"])
        if number % 4:
            make_label(decision, ["fraud", "legitimate"][number % 2])
        if number % 9 == 0:
            refresh()
    refresh()
    by_and_by = kept()

    figures.forget_progress()
    refresh()

    assert kept() == by_and_by
    assert sums() == direct_sums()


def kept():
    """Every row of the figures, without its id."""
    rows = []
    for model in (HourlyFigures, RuleFigures):
        fields = [field.name for field in model._meta.fields if field.name != "id"]
        rows.append(sorted(model.objects.values_list(*fields)))
    return rows


def direct_sums():
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT count(*) FILTER (WHERE outcome = 'approve'), count(*) FILTER (WHERE outcome = 'review'),
              count(*) FILTER (WHERE outcome = 'decline'), count(*) FILTER (WHERE outcome <> 'approve' AND l = 'fraud'),
              count(*) FILTER (WHERE outcome <> 'approve' AND l IS NULL),
              count(*) FILTER (WHERE outcome = 'approve' AND l = 'fraud'),
              count(*) FILTER (WHERE outcome <> 'approve' AND l = 'legitimate'),
              count(*) FILTER (WHERE outcome = 'approve' AND l = 'legitimate')
            FROM (SELECT outcome, (SELECT label FROM scoring_label WHERE decision_id = d.id
              ORDER BY known_at DESC, id DESC LIMIT 1) AS l FROM scoring_decision AS d) AS known""")
        return dict(zip(COUNTS, cursor.fetchone(), strict=True))


def test_rules_count_flagged_payments_once_each():
    make_label(make_decision(rule_hits=["velocity", "velocity", "far"]))
    make_label(make_decision(rule_hits=["velocity"], occurred_at=NOON + MINUTE), "legitimate")
    make_decision(rule_hits=["velocity"], outcome="approve")

    refresh()

    velocity = RuleFigures.objects.get(code="velocity")
    assert (velocity.day, velocity.hits, velocity.frauds, velocity.legitimate) == (NOON.date(), 2, 1, 1)
    assert velocity.last_hit_at == NOON + MINUTE
    assert RuleFigures.objects.get(code="far").hits == 1


def test_the_command_counts_everything_again_when_asked():
    flag(make_decision())
    refresh()
    refresh()
    HourlyFigures.objects.all().delete()
    said = StringIO()

    call_command("count_figures", stdout=said)
    assert not HourlyFigures.objects.exists()
    call_command("count_figures", all=True, stdout=said)

    assert HourlyFigures.objects.get().reviewed == 1
    assert said.getvalue().splitlines()[-1] == "Counted 1 hours of payments and 0 days of case work."


def test_the_clock_has_them_counted():
    make_decision()

    tasks.refresh_figures()

    assert HourlyFigures.objects.get().reviewed == 1
    assert settings.CELERY_BEAT_SCHEDULE["refresh-figures"]["task"] == tasks.refresh_figures.name


def test_the_progress_is_one_row():
    refresh()

    assert FiguresProgress.objects.get().decision_newest == 0


@pytest.mark.django_db(transaction=True)
class TestBesideOthers:
    def test_a_payment_that_commits_late_is_counted(self, other_connection):
        """Its id lies below those that were seen before it could be."""
        with other_connection.transaction(force_rollback=False):
            other_connection.execute("SELECT nextval(pg_get_serial_sequence('scoring_decision', 'id'))")
            late = other_connection.execute(
                "SELECT currval(pg_get_serial_sequence('scoring_decision', 'id'))"
            ).fetchone()[0]
            make_decision(occurred_at=NOON + HOUR)
            for _ in range(3):
                refresh()
            columns = [field.column for field in type(make_decision())._meta.fields if field.name != "id"]
            copied = ", ".join("'late'" if column == "transaction_id" else column for column in columns)
            other_connection.execute(
                f"INSERT INTO scoring_decision (id, {', '.join(columns)})"
                f" SELECT {late}, {copied} FROM scoring_decision WHERE occurred_at = %s LIMIT 1",
                [NOON + HOUR],
            )
        refresh()

        assert sums(hour=NOON + HOUR)["reviewed"] == 2

    def test_an_idle_reader_holds_nothing_up(self, other_connection):
        make_decision()
        refresh()
        with other_connection.transaction(force_rollback=False):
            other_connection.execute("SELECT count(*) FROM scoring_decision, scoring_label, cases_caseevent")
            refresh()
            make_decision(occurred_at=NOON + HOUR)
            assert refresh() == figures.Refreshed(hours=1, days=0)
            assert refresh() == figures.Refreshed(hours=0, days=0)

    def test_only_one_process_counts(self, other_connection):
        other_connection.execute("SELECT pg_advisory_lock(hashtextextended('figures of the dashboard', 0))")

        assert refresh() is None
        with pytest.raises(CommandError, match="Another process"):
            call_command("count_figures")
        other_connection.execute("SELECT pg_advisory_unlock_all()")

        with try_lock("figures of the dashboard") as is_ours:
            assert is_ours
