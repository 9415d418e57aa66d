"""The draft that the threshold page makes."""

from decimal import Decimal

import pytest

from scoring.models import Policy
from tests.cases.dashboard_world import said
from tests.cases.threshold_world import DRAFT, enough, given, row_of, with_bands


def test_a_draft_is_the_live_version_with_these_thresholds(as_mia, mia, threshold_policy):
    live = with_bands(threshold_policy, ("EUR", Decimal(0), 0.3, 0.8), ("USD", Decimal(10), 0.4, 0.9))

    response = as_mia.post(DRAFT, given(live), follow=True)

    draft = Policy.objects.get(status="draft")
    assert f"Policy {draft.version} is a draft now" in said(response)
    assert (draft.based_on, draft.created_by, draft.note) == (live, mia, "n")
    assert (draft.review_threshold, draft.decline_threshold) == (0.5, 0.9)
    bands = draft.bands.order_by("currency", "from_amount").values_list(
        "currency", "from_amount", "review_threshold", "decline_threshold"
    )
    assert list(bands) == [("EUR", 0, 0.2, 0.8), ("EUR", 100, 0.05, 0.7), ("USD", 10, 0.4, 0.9)]
    assert [(event.action, event.by) for event in draft.events.all()] == [("created", mia)]
    assert Policy.objects.get(status="live") == live


def test_a_draft_has_the_rules_and_lists_of_the_live_version(as_mia, threshold_policy):
    as_mia.post(DRAFT, given(threshold_policy, band=["0|0.2|0.8"], is_for_all="1"))

    draft = Policy.objects.get(status="draft")
    assert (draft.review_threshold, draft.decline_threshold, draft.bands.count()) == (0.2, 0.8, 0)
    assert [(rule.code, rule.expression) for rule in draft.rules.all()] == [("look", "amount > 5000")]
    assert dict(draft.lists.values_list("list", "effect")) == {"block": "decline", "allow": "approve"}


def test_what_the_page_proposes_can_be_drafted(look_at_thresholds, as_mia):
    enough()
    response = look_at_thresholds()
    row = row_of(response, "Least cost, by amount")

    as_mia.post(DRAFT, given(response.context["found"].live, band=[pair.value for pair in row.pairs]))

    bands = Policy.objects.get(status="draft").bands.order_by("from_amount")
    assert [f"{band.review_threshold:g}" for band in bands] == [pair.review for pair in row.pairs]


def test_a_draft_of_an_older_version_is_refused(as_mia, threshold_policy):
    with_bands(threshold_policy)

    response = as_mia.post(DRAFT, given(threshold_policy), follow=True)

    assert "Nothing was drafted. Version 2 was published meanwhile" in said(response)
    assert not Policy.objects.filter(status="draft").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"band": []}, {"band": ["0|0.2"]}, {"band": ["0|0.9|0.2"]}, {"band": ["0|nan|0.5"]}, {"band": ["5|0.1|0.2"]},
        {"band": ["0|0.1|0.2", "0|0.1|0.2"]}, {"band": ["0|0.1|0.2", "-1|0.1|0.2"]}, {"band": ["inf|0.1|0.2"]},
        {"band": ["0|0.1|0.2", "1e400|0.1|0.2"]}, {"band": ["0|0|0.2"]}, {"band": ["0|0.1|1.1"]},
        {"band": ["0|0.1|0.2", "1.00001|0.1|0.2"]}, {"band": ["0|0.1|0.2"] * 51}, {"is_for_all": "1"},
        {"currency": "euro"}, {"based_on": "x"}, {"based_on": "99999999999"}, {"note": ""}, {"note": "a\0b"},
        {"note": "x" * 201}, {"band": ["\0|0.1|0.2"]},
    ],
)  # fmt: skip
def test_bad_thresholds_are_refused_and_nothing_is_drafted(as_mia, threshold_policy, wrong):
    response = as_mia.post(DRAFT, given(threshold_policy, **wrong), follow=True)

    assert "Nothing was drafted." in said(response)
    assert Policy.objects.count() == 1
