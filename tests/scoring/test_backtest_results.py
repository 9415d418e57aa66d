"""What a backtest says of a policy over recorded payments."""

from datetime import timedelta
from decimal import Decimal

import pytest

from scoring.ml.line_up import LineUp
from scoring.models import Decision, Outcome
from scoring.services.lists import add_list_entry, remove_list_entry
from scoring.services.policy import BandDraft, RuleDraft
from tests.factories import DAY, HOUR, NOON, make_decision, make_label, make_user
from tests.scoring.backtest_world import LATER, LOW, approved, decide, make_draft, recorded, reviewed, run
from tests.scoring.payments import HUGE, LARGE, AmountModel, publish

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_amount(monkeypatch) -> None:
    """Payments are scored by their amount, a hundredth of it."""
    from scoring.services import decisions

    monkeypatch.setattr(decisions, "line_up", lambda: LineUp(AmountModel()))


def moves(result) -> dict[tuple[str, str], int]:
    return {(one["baseline"], one["draft"]): one["payments"] for one in result["outcomes"]}


def test_the_version_that_decided_gives_every_recorded_outcome_also_where_lists_changed_in_between():
    policy = publish()
    mia = make_user("manager")
    decide(["10", "60", "95"], card_id="card-a")
    entry = add_list_entry(list_name="block", entity="card", value="card-a", reason="seen", expires_at=None, author=mia)
    decide(["10", "60", "2000"], card_id="card-a")
    remove_list_entry(entry_id=entry.id, reason="not it", author=mia)
    decide(["10", "60", "6000"], card_id="card-a")
    add_list_entry(list_name="allow", entity="device", value="d-1", reason="ours", expires_at=None, author=mia)
    decide(["10", "6000"], card_id="card-a")

    result = run(policy, chunk_rows=4)

    recorded = [row.outcome for row in Decision.objects.order_by("id")]
    assert recorded == [
        "approve", "review", "decline", "decline", "decline", "decline",
        "approve", "review", "decline", "approve", "approve",
    ]  # fmt: skip
    assert result["recorded_differs"] == 0
    assert moves(result) == {("approve", "approve"): 4, ("review", "review"): 2, ("decline", "decline"): 5}


def test_the_size_of_chunks_changes_nothing():
    publish()
    rows = decide([str(10 + 7 * number) for number in range(40)])
    for row in rows[::3]:
        make_label(row, "fraud" if row.id % 2 else "legitimate")
    draft = make_draft(LOW, RuleDraft("odd", "amount > 100", "review", "Odd"), review=0.3)

    results = [run(draft, chunk_rows=size) for size in (1, 7, 40, 1000)]

    assert results[0]["judged"] == 40
    assert all(result == results[0] for result in results)


def test_figures_follow_labels_and_amounts():
    publish(LARGE, HUGE)
    small, caught, lost, bothered = approved("10"), approved("700"), reviewed("300"), approved("600")
    make_label(caught, "fraud")
    make_label(lost, "fraud")
    make_label(bothered, "legitimate")
    draft = make_draft(LOW, HUGE)

    result = run(draft)

    (euros,) = result["currencies"]
    assert result["labels"] == {"fraud": 2, "legitimate": 1, "taken": 0, "unknown": 1, "mature": 0}
    assert (euros["recorded"]["frauds_caught"], euros["draft"]["frauds_caught"]) == (1, 1)
    assert (euros["baseline"]["money_stopped"], euros["draft"]["money_stopped"]) == ("0", "700")
    assert euros["draft"]["money_missed"] == "300"
    assert (euros["draft"]["false_positives"], euros["draft"]["false_positive_cost"]) == (1, "15")
    assert euros["draft"]["precision"]["part"] == 1
    assert euros["draft"]["precision"]["whole"] == 2
    assert euros["net_value"] == "685"
    assert [one["decision_id"] for one in result["examples"]["caught_now"]] == [caught.id]
    assert [one["decision_id"] for one in result["examples"]["newly_bothered"]] == [bothered.id]
    assert result["examples"]["caught_now"][0]["why"] == ["large: The amount is 700.00 EUR"]
    assert small.id not in {one["decision_id"] for kind in result["examples"].values() for one in kind}


def test_what_was_stopped_and_is_no_more_is_named():
    publish(LARGE)
    fraud, customer = reviewed("2000"), reviewed("3000")
    make_label(fraud, "fraud")
    make_label(customer, "legitimate")

    result = run(make_draft(HUGE))

    assert [one["decision_id"] for one in result["examples"]["lost_now"]] == [fraud.id]
    assert [one["decision_id"] for one in result["examples"]["no_longer_bothered"]] == [customer.id]
    assert result["examples"]["lost_now"][0]["why"] == ["large: The amount is 2,000.00 EUR"]
    (change,) = result["changes"]
    assert (change["cause"], change["milder"], change["frauds_released"]) == ("large", 2, 1)


def test_an_unlabelled_payment_is_taken_as_legitimate_once_it_is_old_enough():
    publish(LARGE)
    reviewed("2000")

    young = run(make_draft(LARGE), maturity_days=2)
    old = run(make_draft(LARGE), maturity_days=0)

    assert (young["labels"]["unknown"], young["labels"]["mature"]) == (1, 0)
    assert (old["labels"]["taken"], old["labels"]["mature"]) == (1, 1)
    assert old["currencies"][0]["draft"]["false_positives"] == 1


def test_labels_that_came_later_are_not_known():
    publish(LARGE)
    make_label(reviewed("2000"), "fraud", known_at=NOON + 6 * HOUR)

    early = run(make_draft(LARGE), labels_as_of=NOON + 5 * HOUR)
    late = run(make_draft(LARGE), labels_as_of=NOON + 7 * HOUR)

    assert early["labels"]["fraud"] == 0
    assert late["labels"]["fraud"] == 1


def test_the_weightier_source_is_believed_then_the_newer_word():
    publish(LARGE)
    bank, word = reviewed("2000"), reviewed("3000")
    make_label(bank, "fraud", source="chargeback", known_at=NOON)
    make_label(bank, "legitimate", source="analyst", known_at=NOON + HOUR)
    make_label(word, "fraud", source="analyst", known_at=NOON)
    make_label(word, "legitimate", source="analyst", known_at=NOON + HOUR)

    labels = run(make_draft(LARGE))["labels"]

    assert (labels["fraud"], labels["legitimate"]) == (1, 1)


def test_alerts_of_a_day_are_set_against_the_teams_capacity():
    publish(HUGE)
    for amount in ("600", "700", "800"):
        approved(amount)
    recorded("900", Outcome.APPROVE, occurred_at=NOON - HOUR - DAY / 2, card_id="another")

    result = run(make_draft(LOW), capacity=2, since=NOON - 2 * DAY)

    assert [(day["day"], day["draft"]) for day in result["days"]] == [
        ("2026-11-19", {"alerts": 1, "cards": 1}),
        ("2026-11-20", {"alerts": 3, "cards": 1}),
    ]
    assert result["alerts"]["draft"] == {"total": 4, "a_day": 2.0, "most": 3, "days_over": 1}
    assert result["alerts"]["baseline"]["total"] == 0


def test_bands_of_the_draft_take_part():
    publish(HUGE)
    decide(["40", "70"])

    result = run(make_draft(HUGE, review=0.9, bands=[BandDraft("EUR", Decimal(60), 0.65, 0.9)]))

    assert moves(result) == {("approve", "approve"): 1, ("review", "review"): 1}


def test_decisions_of_another_feature_table_and_unreadable_ones_are_left_out_and_said():
    publish(HUGE)
    decide(["10"])
    make_decision(feature_version="1")
    recorded("20", Outcome.APPROVE, record={"nothing": True})

    result = run(make_draft(HUGE))

    assert result["judged"] == 1
    assert result["left_out"] == {"other_features": 1, "unreadable": 1}


def test_a_decision_made_without_features_and_model_is_judged_as_it_was():
    publish(LARGE)
    recorded("2000", Outcome.REVIEW, degraded=["features", "model"])

    result = run(make_draft(LARGE))

    assert result["recorded_differs"] == 0
    assert moves(result) == {("review", "review"): 1}


def test_amounts_of_two_currencies_are_never_added():
    publish(HUGE)
    make_label(approved("700"), "fraud")
    make_label(recorded("800", Outcome.APPROVE, payment={"currency": "USD"}), "fraud")

    result = run(make_draft(LOW))

    stopped = {one["currency"]: one["draft"]["money_stopped"] for one in result["currencies"]}
    assert stopped == {"EUR": "700", "USD": "800"}
    assert {one["currency"]: one["net_value"] for one in result["currencies"]} == {"EUR": "700", "USD": None}
    assert {one["currency"] for one in result["examples"]["caught_now"]} == {"EUR", "USD"}


def test_nothing_recorded_is_a_result_too():
    publish(HUGE)

    result = run(make_draft(LOW))

    assert (result["judged"], result["days"], result["currencies"]) == (0, [], [])


def test_only_payments_of_the_time_are_read():
    publish(HUGE)
    decide(["10", "20", "30"])

    result = run(make_draft(HUGE), since=NOON + timedelta(minutes=1), until=NOON + timedelta(minutes=2))

    assert result["judged"] == 1
    assert LATER > NOON


def test_the_largest_amounts_are_added_exactly():
    publish(HUGE)
    rows = [approved("90071992547409.91") for _ in range(7)]
    make_label(rows[0], "fraud")

    (euros,) = run(make_draft(LOW))["currencies"]

    assert euros["amount"] == "630503947831869.37"
    assert euros["draft"]["money_stopped"] == "90071992547409.91"


def test_an_example_has_the_amount_as_it_isrecorded():
    publish(RuleDraft("none", "amount < 0", "review", "x"))
    make_label(approved("90071992547409.91"), "fraud")

    result = run(make_draft(LOW))

    assert [one["amount"] for one in result["examples"]["caught_now"]] == ["90071992547409.9100"]


def test_alerts_a_day_are_those_of_whole_days():
    publish(HUGE)
    for amount in ("600", "700", "800"):
        approved(amount)
    recorded("900", Outcome.APPROVE, occurred_at=NOON - DAY + HOUR)

    whole = run(make_draft(LOW))["alerts"]["draft"]
    cut_off = run(make_draft(LOW), until=NOON + HOUR)["alerts"]["draft"]

    assert (whole["a_day"], whole["total"]) == (3.0, 4)
    assert cut_off["a_day"] == 2.0
