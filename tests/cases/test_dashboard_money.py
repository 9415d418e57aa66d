"""The dashboard's money and what review costs, worked out by hand for small worlds."""

from decimal import Decimal

import pytest

from cases.services import claims, deadlines, reopening, verdict_effects
from tests.cases.dashboard_world import YESTERDAY, decide, pay, tiles_of
from tests.factories import DAY, HOUR, MINUTE, make_case, make_label, make_queue


def test_money_of_a_small_world(look, settings):
    settings.FALSE_POSITIVE_COST = Decimal("20")
    make_label(pay(outcome="decline", amount=Decimal("700")))
    make_label(pay(outcome="review", amount=Decimal("500")))
    pay(outcome="review", amount=Decimal("100"), score=0.5)
    make_label(pay(amount=Decimal("40.50")))
    make_label(pay(outcome="review", amount=Decimal("60")), "legitimate")
    make_label(pay(outcome="decline", amount=Decimal("80")), "legitimate")
    pay()

    tiles = tiles_of(look())

    assert (tiles["Stopped"].value, tiles["Stopped"].unit) == ("1,250", "EUR")
    assert tiles["Stopped"].note == "1,200 confirmed in 2 payments, 50.00 expected of 1 more"
    assert tiles["Missed"].value == "40.50"
    assert "1 payment; labels complete for none of 7 days" in tiles["Missed"].note
    assert tiles["False positives"].value == "40.00"
    assert "2 payments of 140.00 EUR, at 20 EUR a payment" in tiles["False positives"].note
    assert (tiles["Payments"].value, tiles["Sent to review"].value, tiles["Declined"].value) == ("7", "43%", "29%")
    assert (tiles["Precision"].value, tiles["Precision"].note) == ("too few to tell", "2 of 4")
    assert (tiles["Recall"].value, tiles["Recall"].note) == ("too few to tell", "2 of 3")


@pytest.mark.parametrize(("labels", "value"), [(0, "–"), (1, "too few to tell"), (19, "too few to tell"), (20, "100%")])
def test_few_labels_tell_no_share(look, labels, value):
    for _ in range(labels):
        make_label(pay(outcome="review", rule_hits=["velocity"]))
    pay(outcome="review", rule_hits=["velocity"])

    response = look()

    tiles, rule = tiles_of(response), response.context["page"].rules[0]
    assert tiles["Precision"].value == tiles["Recall"].value == rule.precision == value
    assert tiles["Precision"].note.startswith(f"{labels} of {labels}" if labels else "no label yet")
    charts = response.context["page"].quality_charts
    assert all(chart.picture.words.split(", ")[0].endswith(value) for chart in charts)
    assert ("100%" in tiles["Precision"].note) == (labels == 20)


def test_money_that_a_verdict_released_and_a_chargeback_took_is_missed(look, alice):
    wrong, right = (pay(outcome="review", amount=Decimal(amount)) for amount in (300, 70))
    for payment, verdict in ((wrong, "legitimate"), (right, "fraud")):
        decide(make_case(decisions=[payment], opened_at=YESTERDAY), alice, YESTERDAY + MINUTE, verdict)
    verdict_effects.settle_due(now=YESTERDAY + HOUR)
    assert tiles_of(look())["False positives"].note.startswith("1 payment of 300.00 EUR")

    make_label(wrong, known_at=YESTERDAY + 2 * HOUR)
    response = look()

    tiles = tiles_of(response)
    assert tiles["Stopped"].note.startswith("70.00 confirmed in 1 payment, ")
    assert (tiles["Missed"].value, tiles["Missed"].note[:10]) == ("300.00", "1 payment;")
    assert "2 of 2" in tiles["Precision"].note
    assert "Stopped 70.00 EUR, missed 300.00 EUR" in response.content.decode()


def test_a_release_that_was_undone_or_corrected_has_let_nothing_go(look, alice):
    undone, corrected = (pay(outcome="review", amount=Decimal(amount)) for amount in (300, 70))
    first = make_case(decisions=[undone], opened_at=YESTERDAY)
    decide(first, alice, YESTERDAY, "legitimate")
    reopening.undo(verdict=first.verdicts.get(), analyst=alice, now=YESTERDAY)
    decide(first, alice, YESTERDAY + MINUTE)
    second = make_case(decisions=[corrected], opened_at=YESTERDAY)
    decide(second, alice, YESTERDAY, "legitimate")
    verdict_effects.settle_due(now=YESTERDAY + HOUR)
    reopening.reopen(case=second, actor=alice, reason="a call", now=YESTERDAY + 2 * HOUR)
    decide(second, alice, YESTERDAY + 2 * HOUR)
    verdict_effects.settle_due(now=YESTERDAY + 3 * HOUR)

    tiles = tiles_of(look())

    assert tiles["Stopped"].note.startswith("370.00 confirmed in 2 payments, ")
    assert tiles["Missed"].value == "0.00"


def test_the_cost_of_review_is_time_at_a_price(look, alice, settings):
    settings.REVIEW_COST_AN_HOUR = Decimal("60")
    for minutes in (5, 10):
        case = make_case(opened_at=YESTERDAY - HOUR, due_at=YESTERDAY + HOUR)
        claims.claim(case=case, analyst=alice, now=YESTERDAY)
        decide(case, alice, YESTERDAY + minutes * MINUTE)

    tiles = tiles_of(look())

    assert (tiles["Review cost"].value, tiles["Review cost"].unit) == ("15.00", "EUR")
    assert tiles["Review cost"].note == "2 verdicts; 15 min at 60 EUR an hour"
    settings.REVIEW_COST_A_CASE = Decimal("7.50")
    assert tiles_of(look())["Review cost"].note == "2 verdicts; 7.50 EUR a case"


def test_what_the_clock_decides_costs_nothing(look, alice, settings):
    settings.REVIEW_COST_A_CASE = Decimal("7.50")
    queue = make_queue(on_timeout="decide", default_verdict="legitimate")
    for day in (YESTERDAY, YESTERDAY - 7 * DAY):
        make_case(queue=queue, opened_at=day, due_at=day + HOUR)
        deadlines.watch_deadlines(now=day + HOUR)
    case = make_case(opened_at=YESTERDAY)
    claims.claim(case=case, analyst=alice, now=YESTERDAY)
    decide(case, alice, YESTERDAY + MINUTE)

    response = look()

    tile = tiles_of(response)["Review cost"]
    assert (tile.value, tile.note) == ("7.50", "1 verdict; 7.50 EUR a case")
    assert tile.delta.text == "none in the 7 days before, without today"
    assert "Review 7.50 EUR" in response.content.decode()
    assert tiles_of(response)["Verdict"].note == "median of 1 case"


def test_the_cost_of_review_is_compared_with_the_days_before(look, alice, settings):
    settings.REVIEW_COST_AN_HOUR = Decimal("60")
    for at, minutes in ((YESTERDAY, 15), (YESTERDAY - 7 * DAY, 10)):
        case = make_case(opened_at=at - HOUR, due_at=at + HOUR)
        claims.claim(case=case, analyst=alice, now=at)
        decide(case, alice, at + minutes * MINUTE)

    tile = tiles_of(look())["Review cost"]

    assert (tile.value, tile.delta.text) == ("15.00", "50% more than the 7 days before, without today")
