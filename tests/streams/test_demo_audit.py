"""The demo's random audit: drawn and reviewed as if it were then, once."""

from datetime import timedelta

from cases.models import AuditDraw, AuditSetting, Case, ReviewSettings
from scoring.models import Label, Outcome
from streams.demo_audit import audit_history
from tests.factories import NOON, make_decision, make_user

DAY = timedelta(days=1)


def test_some_approved_payments_of_the_past_are_drawn_and_reviewed_once(db):
    people = [make_user(username="alice"), make_user(username="bob")]
    carol = make_user("manager", username="carol")
    # Who is drawn hangs on the salt and on the payments' ids: always the same ones here.
    ReviewSettings.objects.create(id=1, salt="of this test")
    for number in range(300):
        # Half of them so new that nobody can have complained yet.
        at = NOON - 2 * DAY + number * timedelta(minutes=5) if number % 2 else NOON - number * timedelta(seconds=20)
        make_decision(
            transaction_id=f"t-{number}",
            card_id=f"card-{number}",
            outcome=Outcome.APPROVE,
            score=0.01,
            reasons=[],
            occurred_at=at,
        )

    def audit():
        return audit_history(since=NOON - 2 * DAY, until=NOON, a_day=10, analysts=people, manager=carol)

    drawn = audit()

    assert drawn == AuditDraw.objects.count() == Case.objects.count() > 5
    assert AuditSetting.objects.get().set_by == carol
    assert Case.objects.filter(status="decided").count() > drawn / 2
    assert set(Label.objects.values_list("source", "label")) >= {("customer", "withdrawn"), ("chargeback", "fraud")}
    assert audit() == 0
