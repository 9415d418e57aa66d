"""The threshold page: who may see it, what it says of a small world."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cases.models import DeskFigures
from cases.services.score_figures import mark_days
from scoring.models import Policy
from tests.cases.dashboard_world import said
from tests.cases.threshold_world import ADDRESS, DRAFT, count, enough, given, pay, row_of, with_bands
from tests.factories import DAY, NOON, make_user


@pytest.mark.parametrize(("role", "status"), [("manager", 200), ("auditor", 200), ("analyst", 403), (None, 403)])
def test_who_may_read_policy_sees_it(client, threshold_policy, role, status):
    client.force_login(make_user(role))

    assert client.get(ADDRESS).status_code == status


def test_it_asks_for_a_login(client, db):
    assert client.get(ADDRESS).status_code == 302
    assert client.post(DRAFT).status_code == 302


def test_only_managers_draft(client, aude, threshold_policy):
    client.force_login(aude)
    enough()
    count()

    assert "Make a draft" not in client.get(ADDRESS).content.decode()
    assert client.post(DRAFT, given(threshold_policy)).status_code == 403
    assert Policy.objects.count() == 1


def test_reading_and_drafting_have_their_methods(as_mia, threshold_policy):
    assert as_mia.post(ADDRESS).status_code == 405
    assert as_mia.get(DRAFT).status_code == 405


def test_present_thresholds_are_told_with_what_they_caught_and_cost(look_at_thresholds):
    enough()

    present = row_of(look_at_thresholds("?false_decline=15&review=2"), "Present")

    assert [(pair.review, pair.decline) for pair in present.pairs] == [("0.5", "0.9")]
    assert (present.alerts, present.busy) == ("2.0", "2.0")
    assert (present.precision, present.recall, present.money_recall) == ("50%", "100%", "100%")
    # Each day two reviews at 2; expected: one payment of 60 that 0.02 lets through besides.
    assert (present.by_labels, present.by_scores) == ("4.00", "5.20")


def test_the_cheapest_thresholds_review_what_is_worth_a_look(look_at_thresholds):
    enough()

    response = look_at_thresholds("?false_decline=15&review=2&bands=one")
    best = row_of(response, "Least cost")

    review, decline = float(best.pairs[0].review), float(best.pairs[0].decline)
    assert 0.02 < review <= 0.55
    assert decline > 0.7
    assert best.change.text.startswith("as much as now")
    assert [row.title for row in response.context["page"].rows] == ["Present", "Least cost"]


def test_small_payments_need_more_to_be_worth_a_review(look_at_thresholds):
    enough()
    for days_ago in range(1, 60):
        pay(days_ago, amount=Decimal(8), score=0.15)
        pay(days_ago, amount=Decimal(900), score=0.15)

    response = look_at_thresholds("?false_decline=15&review=2&bands=data")
    best = row_of(response, "Least cost, by amount")

    reviews = [float(pair.review) for pair in best.pairs]
    assert len(reviews) > 1
    assert reviews[0] > 0.15 >= reviews[-1]


def test_room_for_reviews_gives_the_threshold(look_at_thresholds):
    for days_ago in range(1, 31):
        for score in (0.02, 0.08, 0.3, 0.7):
            pay(days_ago, score=score)

    two, three = (row_of(look_at_thresholds(f"?capacity={room}&bands=one"), f"{room} alerts a day") for room in (2, 3))

    assert (two.alerts, three.alerts) == ("2.0", "3.0")
    assert 0.08 < float(two.pairs[0].review) <= 0.3
    assert 0.02 < float(three.pairs[0].review) <= 0.08


def test_alerts_of_rules_are_a_floor(look_at_thresholds):
    for days_ago in range(1, 31):
        for _ in range(3):
            pay(days_ago, outcome="review", rule_hits=["look"])

    response = look_at_thresholds("?capacity=2&bands=one")

    assert row_of(response, "2 alerts a day").problem.startswith("Rules and lists alone make 3.0 alerts a day")
    assert "rules and lists alone make 3.0" in said(response)


def test_other_currencies_take_their_part_of_the_room(look_at_thresholds):
    for days_ago in range(1, 31):
        for score in (0.08, 0.3, 0.7):
            pay(days_ago, score=score)
        pay(days_ago, score=0.7, currency="USD")

    row = row_of(look_at_thresholds("?capacity=2&bands=one"), "2 alerts a day")

    assert row.alerts == "1.0"
    assert row.note == "payments in other currencies take 1.0 of them"
    assert not row.is_for_all


def test_costs_of_the_settings_are_not_taken_for_another_currency(look_at_thresholds):
    enough("USD")

    without, given_costs = (
        look_at_thresholds("?currency=USD"),
        look_at_thresholds("?currency=USD&review=3&false_decline=20"),
    )

    assert "Say above what a declined good payment and a review cost in USD" in said(without)
    assert len(without.context["page"].charts) == 2
    assert len(given_costs.context["page"].charts) == 4


def test_a_review_costs_what_reviews_took(look_at_thresholds, settings, alice):
    settings.REVIEW_COST_AN_HOUR = Decimal(60)
    enough()
    assert look_at_thresholds().context["prices"].review == 3
    DeskFigures.objects.create(
        day=(NOON - DAY).date(), analyst=alice, verdicts=3, frauds=1, legitimate=1, in_time=1, skipped=0,
        handled_seconds=360, first_looks=[], verdict_times=[], handling_times=[],
    )  # fmt: skip
    DeskFigures.objects.update(day=look_at_thresholds().context["found"].days[-1])
    assert look_at_thresholds().context["prices"].review == 2

    settings.REVIEW_COST_A_CASE = Decimal(7)

    assert look_at_thresholds().context["prices"].review == 7


def test_the_settings_say_how_much_the_team_can_review(look_at_thresholds, settings):
    settings.REVIEWS_A_DAY = 40
    enough()

    assert "40 alerts a day" in said(look_at_thresholds("?bands=one"))
    assert "9 alerts a day" in said(look_at_thresholds("?bands=one&capacity=9"))


def test_without_payments_the_page_says_so(look_at_thresholds):
    assert "No day here is over and has payments" in said(look_at_thresholds())
    pay(days_ago=0)
    assert "No day here is over and has payments" in said(look_at_thresholds())


def test_days_that_are_not_counted_yet_are_told(look_at_thresholds):
    pay()
    response = look_at_thresholds()
    assert "still being counted" not in said(response)

    mark_days([response.context["found"].days[0] - 3 * DAY])

    response = response.client.get(ADDRESS)
    assert "1 more day still being counted" in said(response)
    assert len(response.context["found"].days) == 1


def test_without_a_policy_the_page_says_so(as_mia):
    assert "No policy is live" in said(as_mia.get(ADDRESS))


def test_without_a_model_no_threshold_reaches_anything(look_at_thresholds):
    pay(score=None, model_version="")

    text = said(look_at_thresholds())

    assert "None of these payments was scored by a model" in text
    assert "1 had no score" in text


def test_several_models_are_told_and_can_be_told_apart(look_at_thresholds):
    for _ in range(2):
        pay(score=0.7)
    pay(score=0.7, model_version="champion-2")

    assert "2 models scored these payments" in said(look_at_thresholds())
    assert row_of(look_at_thresholds("?days=30"), "Present").alerts == "3.0"
    assert row_of(look_at_thresholds("?model=champion-2"), "Present").alerts == "1.0"


def test_few_labels_are_too_few(look_at_thresholds):
    pay(40, "fraud", score=0.7)

    text = said(look_at_thresholds())

    assert "too few labels to tell: 1 frauds" in text
    assert "too few labels to tell" in text


def test_young_frauds_and_unlabelled_declines_are_told_apart(look_at_thresholds):
    enough()
    pay(3, "fraud", score=0.7)
    pay(40, score=0.95)

    text = said(look_at_thresholds())

    assert "1 more in younger days, not counted; 1 declined and never labelled: unknown, not counted" in text


def test_scores_that_labels_do_not_bear_out_are_told(look_at_thresholds):
    for days_ago in range(35, 65):
        pay(days_ago, "fraud", score=0.02)
        pay(days_ago, "legitimate", score=0.7)

    text = said(look_at_thresholds("?bands=one"))

    assert "no: labels want review lower" in text
    assert "1.39 frauds here per fraud that scores expect" in text


@pytest.mark.parametrize("query", ["?currency=ZZZ", "?currency=ZZZ&review=1&false_decline=1&capacity=5", "?days=1"])
def test_a_stretch_without_payments_of_the_currency_is_shown_empty(look_at_thresholds, query):
    enough()

    look_at_thresholds(query)


@pytest.mark.parametrize("query", ["?review=0&false_decline=0", "?review=0", "?false_decline=0", "?review=999999999"])
def test_any_price_can_be_asked_about(look_at_thresholds, query):
    enough()

    rows = look_at_thresholds(query).context["page"].rows

    assert all(0 < float(p.review) <= float(p.decline) <= 1 for row in rows for p in row.pairs)


@pytest.mark.parametrize(
    "query",
    ["?capacity=-1", "?capacity=1e400", "?review=nan", "?review=1e99", "?false_decline=x", "?mature=0", "?band=-1",
     "?bands=all", "?days=9999", "?since=2026-99-99", "?model=a%00b", "?currency=eur", "?mature=99999999999999999999"],
)  # fmt: skip
def test_bad_input_is_told_and_the_page_still_stands(look_at_thresholds, query):
    enough()

    response = look_at_thresholds(query, status=422)

    assert "here is what the page begins with" in said(response)
    assert response.context["page"].rows


def test_the_number_of_queries_does_not_depend_on_the_record(look_at_thresholds, as_mia, threshold_policy):
    pay()
    look_at_thresholds()
    with CaptureQueriesContext(connection) as few:
        as_mia.get(ADDRESS)
    with_bands(
        threshold_policy, ("EUR", Decimal(0), 0.3, 0.8), ("USD", Decimal(100), 0.1, 0.7), ("EUR", Decimal(50), 0.2, 0.9)
    )
    enough()
    enough("USD")
    look_at_thresholds()
    with CaptureQueriesContext(connection) as many:
        as_mia.get(ADDRESS)

    assert len(many) == len(few)
