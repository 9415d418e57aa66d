"""Backtests from the asking to the end: one after the other, cancelled, lost, begun again, and never done twice."""

from datetime import timedelta

import pytest

from scoring.models import Backtest
from scoring.services import backtests
from scoring.services.backtests import (
    AT_ONCE,
    MAX_ATTEMPTS,
    SILENT_AFTER,
    BacktestRefusedError,
    CallOffError,
    abandon_backtest,
    cancel_backtest,
    claim_backtest,
    run_backtest,
)
from scoring.services.policy import NoPolicyError, RuleDraft
from tests.factories import DAY, HOUR, MINUTE, NOON, make_user
from tests.scoring.backtest_world import LATER, ask, decide, make_draft
from tests.scoring.payments import publish

pytestmark = pytest.mark.django_db
Status = Backtest.Status


@pytest.fixture
def draft(db):
    publish()
    return make_draft()


def again(backtest: Backtest) -> Backtest:
    return Backtest.objects.get(id=backtest.id)


def begin(at=LATER) -> Backtest:
    claimed = claim_backtest(at=at)
    assert claimed is not None
    return claimed


def run(claimed: Backtest, **options) -> None:
    run_backtest(claimed.id, claimed.attempts, **{"clock": lambda: LATER} | options)


def test_what_was_asked_first_runs_first_and_the_others_wait(draft):
    first, second = ask(draft), ask(draft)

    claimed = begin()

    assert AT_ONCE == 1
    assert claimed == first
    assert claim_backtest(at=LATER) is None
    run(claimed)
    assert begin() == second


def test_it_is_asked_of_the_revision_and_against_the_version_of_then(draft):
    bob = make_user("manager")

    asked = ask(draft, by=bob)

    assert (asked.revision, asked.baseline.status, asked.requested_by) == (0, "live", bob)
    assert asked.status == Status.WAITING


def test_payments_that_are_still_to_come_are_left_out(draft):
    assert ask(draft, until=NOON + 30 * DAY, labels_as_of=NOON + 30 * DAY).until == LATER
    assert Backtest.objects.get().labels_as_of == LATER


def test_times_in_the_wrong_order_are_refused(draft):
    with pytest.raises(BacktestRefusedError) as refused:
        ask(draft, since=LATER + HOUR)

    assert refused.value.field == "since"
    assert not Backtest.objects.exists()


def test_a_version_that_cannot_be_compiled_is_refused():
    publish()
    draft = make_draft(RuleDraft("odd", "amount >", "review", "Odd"))

    with pytest.raises(BacktestRefusedError) as refused:
        ask(draft)

    assert refused.value.field == "policy"


def test_a_discarded_version_is_refused(draft):
    draft.status = "discarded"
    draft.save()

    with pytest.raises(BacktestRefusedError, match="discarded"):
        ask(draft)


def test_a_model_that_is_not_there_is_refused(draft):
    with pytest.raises(BacktestRefusedError) as refused:
        ask(draft, model_version="nobody")

    assert refused.value.field == "model_version"


def test_without_a_policy_in_force_there_is_nothing_to_compare_with():
    with pytest.raises(NoPolicyError):
        ask(make_draft())


def test_a_draft_that_was_edited_meanwhile_is_not_run(draft):
    asked = ask(draft)
    type(draft).objects.filter(id=draft.id).update(revision=1)

    run(begin())

    assert again(asked).status == Status.FAILED
    assert "edited" in again(asked).error


def test_progress_is_told_with_each_chunk(draft, monkeypatch):
    decide(["10", "20", "30"])
    asked, told = ask(draft), []
    progress = backtests._progress
    monkeypatch.setattr(
        backtests, "_progress", lambda one, clock, done: told.append(done) or progress(one, clock, done)
    )

    run(begin(), chunk_rows=2)

    assert told == [0, 2, 3]
    assert (again(asked).rows, again(asked).rows_done) == (3, 3)


def test_one_that_waits_is_cancelled_at_once_and_by_whom_is_kept(draft):
    asked, mia = ask(draft), make_user("manager")

    cancel_backtest(asked.id, by=mia, at=LATER)

    assert (again(asked).status, again(asked).cancelled_by) == (Status.CANCELLED, mia)
    assert claim_backtest(at=LATER) is None


def test_one_that_runs_is_cancelled_within_a_chunk(draft, monkeypatch):
    decide(["10", "20", "30"])
    asked, told = ask(draft), []
    progress = backtests._progress

    def cancel_after_the_first(one, clock, done):
        progress(one, clock, done)
        told.append(done)
        if done:
            cancel_backtest(asked.id, by=None, at=LATER)

    monkeypatch.setattr(backtests, "_progress", cancel_after_the_first)

    run(begin(), chunk_rows=1)

    assert told == [0, 1]
    assert again(asked).status == Status.CANCELLED
    assert again(asked).result is None


def test_cancelling_twice_is_cancelling_once_and_what_is_over_stays(draft):
    asked = ask(draft)
    claimed = begin()
    cancel_backtest(asked.id, by=None, at=LATER)
    cancel_backtest(asked.id, by=None, at=LATER)
    run(claimed)

    with pytest.raises(CallOffError):
        cancel_backtest(asked.id, by=None, at=LATER)

    assert again(asked).status == Status.CANCELLED


def test_a_run_whose_process_died_is_begun_again(draft):
    asked = ask(draft)
    lost = begin()

    abandon_backtest(lost.id, lost.attempts, words="The process was killed", at=LATER)

    assert again(asked).status == Status.WAITING
    run(begin())
    assert again(asked).status == Status.DONE


def test_a_run_that_fell_silent_is_given_to_somebody_else_and_the_first_writes_nothing(draft):
    decide(["10"])
    asked = ask(draft)
    frozen = begin(at=LATER - 2 * SILENT_AFTER)

    claimed = begin()
    run(frozen)

    assert claimed.attempts == frozen.attempts + 1
    assert again(asked).status == Status.RUNNING
    run(claimed)
    assert again(asked).status == Status.DONE


def test_a_run_that_speaks_is_left_alone(draft):
    ask(draft)
    begin(at=LATER - MINUTE / 2)

    assert claim_backtest(at=LATER) is None


def test_a_run_that_is_lost_again_and_again_fails_with_a_sentence(draft):
    asked = ask(draft)
    for _ in range(MAX_ATTEMPTS):
        lost = begin()
        abandon_backtest(lost.id, lost.attempts, words="The process that ran it was killed", at=LATER)

    assert again(asked).status == Status.FAILED
    assert again(asked).error.startswith("The process that ran it was killed, 3 times.")
    assert claim_backtest(at=LATER) is None


def test_what_was_cancelled_and_then_lost_is_cancelled(draft):
    asked = ask(draft)
    lost = begin()
    cancel_backtest(asked.id, by=None, at=LATER)

    abandon_backtest(lost.id, lost.attempts, words="", at=LATER)

    assert again(asked).status == Status.CANCELLED


def test_a_second_run_of_the_same_attempt_changes_nothing(draft):
    decide(["10"])
    asked = ask(draft)
    claimed = begin()
    run(claimed)
    done = again(asked)

    run(claimed, clock=lambda: LATER + timedelta(hours=1))

    assert again(asked).finished_at == done.finished_at
    assert again(asked).attempts == 1
