"""Bands on the page of thresholds: those in force, and those of a draft."""

from decimal import Decimal

from scoring.models import Policy
from scoring.services.policy import BandDraft, write_parts
from tests.cases.dashboard_world import said
from tests.cases.threshold_world import enough, row_of, with_bands


def test_bands_in_force_are_always_told(look_at_thresholds, threshold_policy):
    with_bands(threshold_policy, ("EUR", Decimal(0), 0.3, 0.8), ("EUR", Decimal(100), 0.1, 0.7))
    enough()

    response = look_at_thresholds("?bands=one")

    assert response.context["found"].edges == [0, 100]
    assert [(pair.words, pair.review, pair.decline) for pair in row_of(response, "Present").pairs] == [
        ("below 100", "0.3", "0.8"),
        ("from 100", "0.1", "0.7"),
    ]
    assert not response.context["page"].is_rounded


def test_what_is_not_on_a_step_is_told_as_rounded(look_at_thresholds, threshold_policy):
    with_bands(threshold_policy, ("EUR", Decimal(90), 0.111, 0.7))
    enough()

    response = look_at_thresholds()

    assert response.context["found"].edges == [0, 100]
    assert "counted at the nearest step" in said(response)


def test_bands_of_a_draft_can_be_looked_at(look_at_thresholds, threshold_policy):
    draft = Policy.objects.create(version=9, review_threshold=0.5, decline_threshold=0.9, note="draft")
    write_parts(draft, rules=(), bands=[BandDraft("EUR", Decimal(200), 0.2, 0.8)], lists={})
    enough()

    assert look_at_thresholds("?bands=9").context["found"].edges == [0, 200]
    assert "of policy 9 (draft)" in said(look_at_thresholds())


def test_the_curves_can_be_of_one_band(look_at_thresholds, threshold_policy):
    with_bands(threshold_policy, ("EUR", Decimal(0), 0.3, 0.8), ("EUR", Decimal(100), 0.1, 0.7))
    enough()

    one, both = look_at_thresholds("?band=1"), look_at_thresholds()

    assert one.context["page"].chosen_words == "from 100"
    assert both.context["page"].chosen is None
    alerts = next(chart.picture for chart in one.context["page"].charts if chart.picture.name == "alerts")
    assert alerts.rows[0] == ("0.0001", "1.0", "1.0")
    assert look_at_thresholds("?band=7").context["page"].chosen is None
