"""Cases of before queues, verdicts and filters, taken through the migrations as an upgrade does it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps.registry import Apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from cases.board import Wish
from cases.models import Case, Verdict
from cases.queries import queue as queue_queries
from cases.services import claims, verdict_effects, verdicts
from scoring.models import Label
from tests.factories import HOUR, MINUTE, NOON, make_decision, make_label, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

BEFORE = ("cases", "0006_case_events")


def migrate(*targets: tuple[str, str]) -> Apps:
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets) or executor.loader.graph.leaf_nodes())
    return executor.loader.project_state(list(targets)).apps


@pytest.fixture
def before() -> Iterator[Apps]:
    """The tables as they were; whatever happens, those that come after find them as they are."""
    try:
        yield migrate(BEFORE)
    finally:
        migrate()


def make_case_of_before(apps: Apps, *payments: Any, **values: Any) -> Any:
    shown = {"currency": "EUR", "amount": payments[0].amount, "score": 0.95, "top_reason": "7 payments"}
    case = apps.get_model("cases", "Case").objects.create(
        card_id=payments[0].card_id,
        stake="1186.55",
        alert_count=len(payments),
        opened_at=NOON,
        due_at=NOON + HOUR,
        **shown | values,
    )
    for payment in payments:
        apps.get_model("cases", "Alert").objects.create(case=case, decision_id=payment.id)
    return case


def test_a_desk_of_before_goes_on_where_it_stood(before):
    alice = make_user("analyst")
    judged = make_decision(card_id="card-judged")
    make_label(judged, source="analyst", known_at=NOON)
    small, large = make_decision(amount="10.00", merchant_id="m-small"), make_decision(merchant_id="m-large")
    decided = make_case_of_before(
        before,
        judged,
        status="decided",
        verdict="fraud",
        typology="stolen_card",
        decided_by_id=alice.id,
        decided_at=NOON + MINUTE,
    )
    waiting = make_case_of_before(before, small, large)

    migrate()

    verdict = Verdict.objects.get()
    assert (verdict.case_id, verdict.verdict, verdict.typology) == (decided.id, "fraud", "stolen_card")
    assert (verdict.analyst, verdict.state, verdict.settled_at) == (alice, "done", NOON + MINUTE)
    assert list(verdict.payments.values_list("decision_id", "label")) == [(judged.id, "fraud")]
    case = Case.objects.get(id=waiting.id)
    assert (case.status, case.merchant_id, case.country) == ("open", "m-large", "SE")
    assert case.reason_codes == ["card_count_1h", "merchant_risk"]
    assert case.queue is not None
    assert case.queue.is_default


def test_the_cases_of_before_are_handed_out_and_decided(before):
    alice = make_user("analyst")
    waiting = make_case_of_before(before, make_decision())

    migrate()

    assert [case.id for case in queue_queries.open_cases(wish=Wish(), user=alice, now=NOON).cases] == [waiting.id]
    case = claims.claim_next(analyst=alice, now=NOON)
    assert case is not None
    verdicts.record(case=case, analyst=alice, verdict="fraud", decided_at=NOON)
    assert verdict_effects.settle_due(now=NOON + HOUR) == 1
    assert Label.objects.get().label == "fraud"
