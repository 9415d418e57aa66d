"""Figures of the desk counted ahead: who worked how long on what, and what waits."""

from datetime import date, timedelta

import pytest

from cases import durations
from cases.models import BacklogFigures, CaseEvent, DeskFigures
from cases.services import claims, deadlines, escalations, snoozes, verdicts
from tests.cases.figures_world import refresh
from tests.factories import DAY, HOUR, MINUTE, NOON, make_case, make_queue

pytestmark = pytest.mark.django_db


def decide(case, analyst, *, at, verdict="fraud"):
    claims.claim(case=case, analyst=analyst, now=at - MINUTE)
    verdicts.record(case=case, analyst=analyst, verdict=verdict, typology="", note="", decided_at=at)


def test_case_work_is_counted_by_analyst_and_day(alice, bob):
    decide(make_case(), alice, at=NOON + 10 * MINUTE)
    decide(make_case(due_at=NOON), alice, at=NOON + 10 * MINUTE, verdict="legitimate")
    decide(make_case(), bob, at=NOON + DAY, verdict="inconclusive")
    skipped = make_case()
    claims.claim(case=skipped, analyst=alice, now=NOON)
    claims.skip(case=skipped, analyst=alice, reason="", now=NOON + 2 * MINUTE)

    refresh()

    row = DeskFigures.objects.get(analyst=alice)
    assert (row.day, row.verdicts, row.frauds, row.legitimate, row.in_time) == (NOON.date(), 2, 1, 1, 1)
    assert (row.skipped, row.handled_seconds) == (1, 240)
    assert sum(row.verdict_times) == sum(row.first_looks) == sum(row.handling_times) == 2
    assert durations.median(row.handling_times) == timedelta(seconds=67.5)
    assert DeskFigures.objects.get(analyst=bob).day == date(2026, 11, 21)


def test_a_page_left_open_does_not_count_as_work_for_ever(alice):
    case = make_case()
    claims.claim(case=case, analyst=alice, now=NOON)
    claims.release(case=case, actor=alice, now=NOON + 5 * HOUR)

    refresh()

    assert DeskFigures.objects.get().handled_seconds == 1800


def test_escalating_and_snoozing_are_work_and_count_their_day_again(alice, bob):
    seniors = make_queue("seniors", members=[bob])
    escalated, snoozed = make_case(queue=make_queue(escalates_to=seniors)), make_case(due_at=NOON + 3 * HOUR)
    decide(make_case(), alice, at=NOON + MINUTE)
    refresh()
    refresh()

    claims.claim(case=escalated, analyst=alice, now=NOON)
    escalations.escalate(case=escalated, analyst=alice, reason="a gang", now=NOON + 2 * MINUTE)
    assert refresh().days == 1
    assert DeskFigures.objects.get().handled_seconds == 180
    refresh()
    claims.claim(case=snoozed, analyst=alice, now=NOON + 3 * MINUTE)
    snoozes.snooze(case=snoozed, analyst=alice, until=NOON + HOUR, reason="a call", now=NOON + 7 * MINUTE)
    refresh()

    row = DeskFigures.objects.get()
    assert (row.verdicts, row.handled_seconds, sum(row.handling_times)) == (1, 420, 1)


def test_a_case_that_the_clock_decides_has_no_time_to_the_verdict(alice):
    make_case(queue=make_queue(on_timeout="decide", default_verdict="legitimate"), due_at=NOON + 5 * HOUR)
    decide(make_case(), alice, at=NOON + MINUTE)
    deadlines.watch_deadlines(now=NOON + 6 * HOUR)

    refresh()

    row = DeskFigures.objects.get(analyst=None)
    assert (row.verdicts, row.legitimate, sum(row.verdict_times)) == (1, 1, 0)
    assert sum(DeskFigures.objects.get(analyst=alice).verdict_times) == 1


def test_a_verdict_that_is_taken_back_leaves_the_day_it_stood_on(alice):
    case = make_case()
    decide(case, alice, at=NOON)
    refresh()
    refresh()

    type(case).objects.filter(id=case.id).update(status="open", verdict="", decided_at=None, decided_by=None)
    CaseEvent.objects.create(case=case, kind=CaseEvent.Kind.REOPENED, happened_at=NOON + 2 * DAY)
    refresh()

    assert DeskFigures.objects.get(day=NOON.date()).verdicts == 0


def test_the_backlog_is_kept_by_age_once_an_hour(alice):
    make_case(opened_at=NOON - 5 * MINUTE, due_at=NOON + 5 * MINUTE)
    make_case(opened_at=NOON - 2 * HOUR, due_at=NOON - HOUR)
    make_case(opened_at=NOON - 9 * DAY, due_at=NOON - 9 * DAY)
    decide(make_case(), alice, at=NOON)
    refresh(NOON - MINUTE)

    refresh(NOON)
    refresh(NOON + MINUTE)

    newest = BacklogFigures.objects.get(hour=NOON)
    assert newest.taken_at == NOON + MINUTE
    assert (newest.open, newest.overdue, newest.due_soon) == (3, 2, 1)
    assert newest.by_age == [1, 0, 1, 0, 0, 1]
    assert BacklogFigures.objects.count() == 2


def test_an_empty_desk_has_an_empty_backlog():
    refresh()

    assert BacklogFigures.objects.get().by_age == [0] * 6
