"""Which label of a payment is believed, and what the ledger says of it: one reading, as of any time."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from scoring.models import Decision, Label
from scoring.queries_labels import Believed, believed, newly_settled
from scoring.queries_ledger import ledger_of
from tests.factories import NOON, make_decision, make_label

DAY = timedelta(days=1)


def label_of(decision, as_of=NOON + 30 * DAY):
    """By the queryset; the SQL of many payments has to agree."""
    by_queryset = (
        Decision.objects.annotate(said=Believed(as_of=as_of)).values_list("said", flat=True).get(id=decision.id)
    )
    with connection.cursor() as cursor:
        cursor.execute(believed("label.decision_id = ANY(%s)", "%s"), [[decision.id], as_of])
        rows = cursor.fetchall()
    assert [row[1] for row in rows] == ([by_queryset] if by_queryset else [])
    return by_queryset


SAYS = [
    ("nobody", [], None),
    ("the only one", [("analyst", "fraud", 0)], "fraud"),
    ("of one source the newest", [("analyst", "fraud", 0), ("analyst", "legitimate", 1)], "legitimate"),
    ("an older one that came later is older", [("analyst", "legitimate", 1), ("analyst", "fraud", 0)], "legitimate"),
    ("a chargeback before a newer analyst", [("chargeback", "fraud", 0), ("analyst", "legitimate", 5)], "fraud"),
    ("the bank before the customer", [("customer", "legitimate", 5), ("issuer_report", "fraud", 0)], "fraud"),
    ("the customer before the analyst", [("analyst", "fraud", 5), ("customer", "legitimate", 0)], "legitimate"),
    ("withdrawn is silence", [("analyst", "fraud", 0), ("analyst", "withdrawn", 1)], None),
    (
        "silence lets the next one speak",
        [("chargeback", "fraud", 0), ("analyst", "legitimate", 0), ("chargeback", "withdrawn", 2)],
        "legitimate",
    ),
    (
        "said again after it was taken back",
        [("chargeback", "fraud", 0), ("chargeback", "withdrawn", 1), ("chargeback", "fraud", 2)],
        "fraud",
    ),
]


@pytest.mark.parametrize(("statements", "expected"), [row[1:] for row in SAYS], ids=[row[0] for row in SAYS])
def test_sources_are_believed_in_one_order(db, statements, expected):
    decision = make_decision()
    for source, label, days in statements:
        make_label(decision, label, source=source, known_at=NOON + days * DAY)

    assert label_of(decision) == expected


def test_what_was_not_known_yet_is_not_believed(db):
    decision = make_decision()
    make_label(decision, "legitimate", source="analyst", known_at=NOON)
    make_label(decision, "fraud", source="chargeback", known_at=NOON + 10 * DAY)

    assert label_of(decision, NOON - timedelta(microseconds=1)) is None
    assert label_of(decision, NOON) == "legitimate"
    assert label_of(decision, NOON + 10 * DAY) == "fraud"


def test_a_source_may_take_days_to_settle_and_is_taken_back_at_once(db, settings):
    settings.LABEL_SETTLE_DAYS = {"customer": 3}
    decision = make_decision()
    make_label(decision, "legitimate", source="analyst", known_at=NOON)
    make_label(decision, "fraud", source="customer", known_at=NOON)

    assert label_of(decision, NOON + 2 * DAY) == "legitimate"
    assert label_of(decision, NOON + 3 * DAY) == "fraud"

    make_label(decision, "withdrawn", source="customer", known_at=NOON + 4 * DAY)
    assert label_of(decision, NOON + 4 * DAY) == "legitimate"


def test_the_ledger_says_of_each_statement_why_it_is_believed_or_not(db):
    decision = make_decision()
    make_label(decision, "fraud", source="analyst", known_at=NOON)
    make_label(decision, "legitimate", source="analyst", known_at=NOON + DAY)
    make_label(decision, "fraud", source="chargeback", known_at=NOON + 2 * DAY)
    make_label(decision, "fraud", source="customer", known_at=NOON + 3 * DAY)
    make_label(decision, "withdrawn", source="customer", known_at=NOON + 4 * DAY)

    said = ledger_of([decision.id], as_of=NOON + 9 * DAY)

    assert [(one.is_believed, one.why) for one in said] == [
        (False, "Replaced: analyst has spoken again since, and says legitimate."),
        (False, "Outweighed: chargeback is believed before analyst."),
        (True, "Believed: chargeback goes before analyst."),
        (False, "Replaced: customer has taken it back since."),
        (False, "Takes back what customer said; it counts as silence."),
    ]
    assert [one.is_believed for one in ledger_of([decision.id], as_of=NOON + DAY)] == [False, True]


def test_statements_stay_as_they_were_said(db):
    label = make_label(make_decision())

    for change in (
        lambda: Label.objects.filter(id=label.id).update(label="legitimate"),
        lambda: Label.objects.filter(id=label.id).update(note="x", applied_at=NOON),
        lambda: Label.objects.filter(id=label.id).delete(),
    ):
        with pytest.raises(IntegrityError, match="stays as it was said"), transaction.atomic():
            change()

    assert Label.objects.filter(id=label.id).update(applied_at=NOON) == 1
    with pytest.raises(IntegrityError, match="stays as it was said"), transaction.atomic():
        Label.objects.filter(id=label.id).update(applied_at=NOON + DAY)


def test_nothing_is_known_before_it_was_said(db):
    with pytest.raises(IntegrityError, match="label_said_before_known"):
        make_label(make_decision(), asserted_at=NOON + DAY)


def test_figures_are_told_what_came_to_count_while_nobody_wrote(db, settings):
    settings.LABEL_SETTLE_DAYS = {"customer": 3}
    customer = make_label(make_decision(), source="customer", known_at=NOON)
    analyst = make_label(make_decision(), source="analyst", known_at=NOON)

    def settled(since, until):
        query = f"SELECT label.id FROM scoring_label AS label WHERE {newly_settled('%s', '%s')}"
        with connection.cursor() as cursor:
            cursor.execute(query, [since, until] * 2)
            return [row[0] for row in cursor.fetchall()]

    assert settled(NOON - DAY, NOON) == [analyst.id]
    assert settled(NOON, NOON + 2 * DAY) == []
    assert settled(NOON + 2 * DAY, NOON + 3 * DAY) == [customer.id]
