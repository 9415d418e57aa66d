"""`manage.py backtest`."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from scoring.models import Backtest
from scoring.services import backtests
from tests.factories import HOUR, make_label
from tests.scoring.backtest_world import LOW, ask, decide, make_draft
from tests.scoring.payments import HUGE, LARGE, AmountModel, publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(db):
    publish(LARGE, HUGE)
    return make_draft(LOW, HUGE)


def call(*arguments) -> str:
    said = StringIO()
    call_command("backtest", *map(str, arguments), stdout=said)
    return said.getvalue()


def test_it_runs_at_once_and_says_what_was_found(draft):
    (row,) = decide(["700"], occurred_at=now() - HOUR)
    make_label(row, "fraud", known_at=now())
    waiting = ask(draft)

    said = call(draft.version, "--capacity", 5)

    assert "version 2 beside version 1, 1 payments judged, 0 left out" in said
    assert "EUR: frauds stopped 0 -> 1, money 0 -> 700, legitimate stopped 0 -> 0." in said
    waiting.refresh_from_db()
    assert waiting.status == "waiting"


def test_it_prints_the_whole_result_for_machines(draft):
    decide(["700"], occurred_at=now() - HOUR)

    found = json.loads(call(draft.version, "--json"))

    assert found == Backtest.objects.get().result
    assert found["version"] == 1


def test_another_models_scores_are_the_drafts_and_not_the_baselines(draft, monkeypatch):
    decide(["95", "10"], occurred_at=now() - HOUR)
    monkeypatch.setattr(backtests, "_model", lambda version: AmountModel())

    found = json.loads(call(draft.version, "--model", "by-amount", "--json"))

    assert found["recorded_differs"] == 0
    assert [(one["baseline"], one["draft"], one["payments"]) for one in found["outcomes"]] == [
        ("approve", "approve", 1),
        ("approve", "decline", 1),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([99], "There is no policy version 99."),
        ([2, "--model", "nobody"], "There is no model nobody."),
        ([2, "--since", "2100-01-01"], "must be before the end"),
    ],
)
def test_what_cannot_be_tried_is_said_and_nothing_is_kept(draft, arguments, said):
    with pytest.raises(CommandError, match=said) as refused:
        call(*arguments)

    assert refused.value.returncode == 2
    assert not Backtest.objects.exists()


def test_interrupted_it_is_cancelled(draft, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(backtests, "_result", interrupt)

    with pytest.raises(CommandError, match="Cancelled"):
        call(draft.version)

    assert Backtest.objects.get().status == "cancelled"


@pytest.mark.parametrize(
    "times", [("--since", "0001-01-01"), ("--until", "0001-01-05"), ("--labels-as-of", "0001-01-01")]
)
def test_times_before_any_payment_are_refused_in_words(draft, times):
    with pytest.raises(CommandError, match="must be") as refused:
        call(draft.version, *times)

    assert refused.value.returncode == 2
    assert not Backtest.objects.exists()
