"""Explanations on the page of a case, on paper and by REST: shown with the score, and hidden with it."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cases.explained import MOST_STEPS, NOTHING_HELPS, WIDTH, explained
from cases.models import Case
from cases.services import alerts
from cases.services.audit import draw_audit, set_audit
from cases.services.review_settings import change_settings
from scoring.models import Outbox
from tests.cases.case_calls import at
from tests.cases.explanations_at_hand import FAMILIES, FOUND, alternatives, make_explanation, make_unexplained
from tests.cases.reviewing import in_review
from tests.factories import DAY, NOON, flag, make_decision

TOLD = re.compile(r"It would have passed|m-explains|card's usual is 1|\+3\.25|score 0\.\d{3}|No single figure")
HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture
def payment(db):
    return make_decision()


@pytest.fixture
def case(payment):
    return flag(payment)


def page_of(client, case) -> str:
    response = client.get(case.get_absolute_url())
    assert response.status_code == 200
    return response.content.decode()


# --- on the page ---------------------------------------------------------------------------------------------------


def test_the_page_says_what_is_usual_what_would_have_passed_and_who_says_so(as_alice, case, payment):
    make_explanation(payment)

    text = page_of(as_alice, case)

    assert "this card&#x27;s usual is 1" in text
    assert "It would have passed below 40.00 EUR." in text
    assert "by model" in text
    assert "m-explains" in text
    assert all(said in text for said in ("score 0.119", "+3.25", "-0.75", "score 0.622"))
    assert " style=" not in text


def test_of_several_payments_the_largest_is_explained(as_alice, payment):
    small = make_decision(amount="2.00")
    case = flag(payment, small)
    make_explanation(payment)
    make_explanation(small, model_version="m-of-the-small")

    text = page_of(as_alice, case)

    assert "m-explains" in text
    assert "m-of-the-small" not in text


def test_where_nothing_helps_the_page_says_so(as_alice, case, payment):
    make_explanation(payment, counterfactuals=alternatives(found=[]))

    assert NOTHING_HELPS in page_of(as_alice, case)


def test_of_what_was_drawn_at_random_no_explanation_is_promised(as_alice):
    payments = [make_decision(outcome="approve", score=0.01, reasons=[]) for _ in range(200)]
    set_audit(share=0.05, daily_reviews=10_000, actor=None, now=NOON - DAY)
    draw_audit([one.id for one in payments], now=NOON)
    alerts.open_cases(Outbox.objects.get(topic=Outbox.Topic.ALERTS).ids, now=NOON)

    text = page_of(as_alice, Case.objects.get())

    assert "Nothing flagged this payment, so there is nothing to explain." in text
    assert "No explanation is kept" not in text


def test_what_was_not_made_says_why_and_draws_nothing(as_alice, case, payment):
    make_unexplained(payment)

    text = page_of(as_alice, case)

    assert "Not explained: The contributions do not add up." in text
    assert "Not tried." in text
    assert NOTHING_HELPS not in text
    assert 'class="steps"' not in text


def test_before_it_is_made_the_page_stays_as_it_was(as_alice, case):
    text = page_of(as_alice, case)

    assert "Why it is here" in text
    assert "No explanation is kept of this payment yet." in text


def test_words_from_outside_are_text(as_alice, case, payment):
    families = [FAMILIES[0] | {"words": HOSTILE, "usual": HOSTILE}]
    make_explanation(
        payment,
        families=families,
        model_version=HOSTILE,
        counterfactuals=alternatives(found=[FOUND[0] | {"words": HOSTILE}]),
    )

    for text in (page_of(as_alice, case), as_alice.get(reverse("print_case", args=[case.id])).content.decode()):
        assert HOSTILE not in text
        assert "&lt;img src=x" in text


def test_more_payments_cost_no_more_queries(as_alice, payment):
    case = flag(payment)
    make_explanation(payment)
    page_of(as_alice, case)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            page_of(as_alice, case)
        counts.append(len(queries))
        more = [make_decision() for _ in range(4)]
        flag(*more)
        for one in more:
            make_explanation(one)

    assert counts[0] == counts[1]


def test_it_stands_on_paper(as_alice, case, payment):
    make_explanation(payment)

    text = as_alice.get(reverse("print_case", args=[case.id])).content.decode()

    for said in ("It would have passed below 40.00 EUR.", "by model m-explains", "+3.25", "usual is 1"):
        assert said in text


# --- hidden with the score -----------------------------------------------------------------------------------------


def test_nothing_of_it_is_shown_before_the_verdict_to_who_sees_data_first(client, alice, case, payment, program):
    make_explanation(payment)
    change_settings(values={}, displays={alice.id: "always"})
    client.force_login(alice)

    assert TOLD.findall(page_of(client, case)) == []
    found = program.get(at(case)).json()
    assert found["is_score_hidden"] is True
    assert found["payments"][0]["explanation"] is None
    assert client.get(reverse("print_case", args=[case.id])).status_code == 403


def test_who_sees_the_score_gets_it_by_rest_without_when_it_was_made(program, case, payment):
    make_explanation(payment)

    (found,) = program.get(at(case)).json()["payments"]

    assert found["explanation"] == {
        "state": "made", "problem": "", "model_version": "m-explains", "policy_version": 1, "base": -2.0,
        "margin": 0.5, "families": FAMILIES, "counterfactuals": alternatives(),
    }  # fmt: skip


def test_a_payment_without_one_has_none_by_rest(program, case):
    assert program.get(at(case)).json()["payments"][0]["explanation"] is None


def test_who_reviews_blind_sees_it_as_the_first_one_did(client, alice, bob):
    reviewed = in_review(alice, bob)
    make_explanation(reviewed.alerts.get().decision)
    client.force_login(bob)

    text = page_of(client, reviewed)

    assert "It would have passed below 40.00 EUR." in text


# --- the drawing ---------------------------------------------------------------------------------------------------


def test_the_steps_lead_from_the_base_to_the_score(payment):
    steps = explained(make_explanation(payment)).steps

    assert [step.side for step in steps] == ["total", "for", "against", "total"]
    base, up, down, score = steps
    # -2.0 up to 1.25, down to 0.5, on 220 pixels.
    assert (base.x, up.x, up.width) == (0.0, 0.0, WIDTH)
    assert down.x == pytest.approx((0.5 + 2.0) / 3.25 * WIDTH, abs=0.1)
    assert down.x + down.width == pytest.approx(WIDTH, abs=0.1)
    assert score.width == pytest.approx(down.x, abs=0.1)


def test_many_families_become_one_last_step(payment):
    families = [{"code": f"f{n}", "contribution": 1.0 / (n + 1), "words": f"W{n}", "usual": ""} for n in range(14)]
    total = sum(family["contribution"] for family in families)

    steps = explained(make_explanation(payment, families=families, margin=total - 2.0)).steps

    assert len(steps) == MOST_STEPS + 3
    assert steps[-2].words == "All else together"
    assert steps[-2].x + steps[-2].width == pytest.approx(WIDTH, abs=0.1)


def test_passing_is_told_before_what_is_only_milder_and_the_same_problem_once(payment, db):
    review = FOUND[0] | {"outcome": "review", "words": "It would have gone to review below 90.00 EUR"}

    only = explained(make_explanation(payment, counterfactuals=alternatives(found=[review])))
    other = make_unexplained(make_decision(), problem="Gone.", counterfactuals=alternatives(found=[], problem="Gone."))

    assert only.sentences == [NOTHING_HELPS, "It would have gone to review below 90.00 EUR."]
    assert (explained(other).sentences, explained(other).problem) == ([], "Gone.")


def test_where_not_all_was_tried_nobody_says_that_nothing_helps(payment):
    told = explained(make_explanation(payment, counterfactuals=alternatives(found=[], is_whole=False)))

    assert told.sentences == ["No single figure that was tried would have let it pass; not every value of each was."]
