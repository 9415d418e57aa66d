"""Four eyes: large verdicts wait for a second person."""

from decimal import Decimal
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from cases.models import ApprovalLimit, Case, Verdict
from cases.services import approvals, claims, reopening, verdict_effects, verdicts
from scoring.models import Label
from tests.cases.test_alerts import in_threads
from tests.factories import MINUTE, NOON, flag, make_case, make_decision, make_user

LATER = NOON + 30 * MINUTE


@pytest.fixture
def _limit(db):
    ApprovalLimit.objects.create(verdict="fraud", currency="EUR", amount=1000)


@pytest.fixture
def verdict(_limit, alice, case) -> Verdict:
    return decide(case, alice)


def decide(case, analyst, verdict="fraud", **others):
    return verdicts.record(case=case, analyst=analyst, verdict=verdict, **{"decided_at": NOON} | others)


def amounts(*values, currency="EUR"):
    return make_case(decisions=[make_decision(amount=Decimal(value), currency=currency) for value in values])


def test_a_verdict_above_the_limit_decides_nothing_yet(verdict, case):
    assert verdict_effects.settle_due(now=LATER) == 0

    case.refresh_from_db()
    assert (verdict.state, case.status, case.verdict, case.decided_at) == ("approval", "approval", "", None)
    assert not Label.objects.exists()
    assert case.events.get(kind="verdict").text == "Fraud: 1 payment to label, waits for approval"


@pytest.mark.parametrize(
    ("payments", "said", "waits"),
    [
        ([1000], "fraud", False),
        ([600, 600], "fraud", True),
        ([5000], "legitimate", False),
        ([5000], "inconclusive", False),
    ],
)
@pytest.mark.usefixtures("_limit")
def test_the_limit_is_on_all_payments_of_a_kind_together(alice, payments, said, waits):
    assert decide(amounts(*payments), alice, said).needs_approval is waits


@pytest.mark.usefixtures("_limit")
def test_a_limit_without_a_currency_is_for_those_without_their_own(alice):
    ApprovalLimit.objects.create(verdict="fraud", currency="", amount=50)

    assert decide(amounts(60, currency="USD"), alice).needs_approval
    assert not decide(amounts(60), alice).needs_approval


@pytest.mark.usefixtures("_limit")
def test_only_payments_with_the_label_count(alice):
    large, small = make_decision(amount=5000), make_decision(amount=10)
    case = make_case(decisions=[large, small])

    assert not decide(case, alice, overrides={large.id: "legitimate"}).needs_approval


def test_limits_on_inconclusive_count_what_gets_no_label(alice, case):
    ApprovalLimit.objects.create(verdict="inconclusive", currency="", amount=0)

    assert decide(case, alice, "inconclusive").needs_approval


def test_approved_it_takes_effect_at_once(verdict, case, alice, bob):
    approvals.approve(verdict=verdict, approver=bob, now=LATER)

    case.refresh_from_db()
    verdict.refresh_from_db()
    assert (case.status, case.verdict, case.decided_by, case.decided_at) == ("decided", "fraud", alice, LATER)
    assert (verdict.state, verdict.settled_by, verdict.settled_at) == ("done", bob, LATER)
    label = Label.objects.get()
    assert (label.label, label.known_at, label.author) == ("fraud", NOON, alice)
    assert [event.kind for event in case.events.order_by("id")] == ["opened", "verdict", "approved", "effects"]


@pytest.mark.parametrize("hands_back", [True, False])
def test_refused_the_case_is_open_again(verdict, case, alice, bob, hands_back):
    approvals.refuse(verdict=verdict, approver=bob, reason="call them", hands_back=hands_back, now=LATER)

    case.refresh_from_db()
    verdict.refresh_from_db()
    assert (case.status, case.claimed_by) == ("open", alice if hands_back else None)
    assert (verdict.state, verdict.settled_by, verdict.refusal) == ("refused", bob, "call them")
    assert case.events.get(kind="refused").text == "Fraud, said by Alice: call them"
    assert not Label.objects.exists()
    assert claims.claim_next(analyst=bob, now=LATER + 10 * MINUTE) == case


@pytest.mark.usefixtures("_limit")
def test_a_refused_case_takes_in_what_came_meanwhile(alice, bob):
    case = flag(make_decision())
    verdict = decide(case, alice)
    newer = flag(make_decision())
    assert newer != case

    approvals.refuse(verdict=verdict, approver=bob, reason="x", hands_back=False, now=LATER)

    assert (case.alerts.count(), newer.alerts.count()) == (2, 0)
    newer.refresh_from_db()
    assert newer.status == "merged"


@pytest.mark.parametrize(
    "settle",
    [approvals.approve, partial(approvals.refuse, reason="x", hands_back=True)],
)
@pytest.mark.usefixtures("_limit")
def test_nobody_settles_what_they_said_themselves(bob, case, settle):
    verdict = decide(case, bob)

    with pytest.raises(approvals.OwnVerdictError):
        settle(verdict=verdict, approver=bob, now=LATER)

    case.refresh_from_db()
    assert case.status == "approval"


def test_the_database_knows_no_approval_by_the_maker_and_none_by_nobody(verdict, alice):
    rows = Verdict.objects.filter(id=verdict.id)
    for settled_by in (alice, None):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(state="done", settled_at=LATER, settled_by=settled_by)


def test_the_analyst_takes_it_back_while_it_waits(verdict, alice, bob, case):
    reopening.undo(verdict=verdict, analyst=alice, now=LATER)

    case.refresh_from_db()
    assert (case.status, case.claimed_by) == ("open", alice)
    with pytest.raises(approvals.NothingToApproveError):
        approvals.approve(verdict=verdict, approver=bob, now=LATER)


def test_a_case_that_waits_is_handed_to_nobody(verdict, bob, case):
    assert claims.claim_next(analyst=bob, now=NOON) is None
    with pytest.raises(claims.NotOpenError):
        claims.claim(case=case, analyst=bob, now=NOON)


@pytest.mark.django_db(transaction=True)
def test_of_two_words_at_the_same_moment_one_counts():
    ApprovalLimit.objects.create(verdict="fraud", currency="", amount=0)
    alice, bob, ben = make_user(), make_user("lead"), make_user("lead", username="ben")
    for _ in range(8):
        case = make_case()
        verdict = decide(case, alice)

        results = in_threads(
            partial(approvals.approve, verdict=verdict, approver=bob, now=LATER),
            partial(approvals.refuse, verdict=verdict, approver=ben, reason="x", hands_back=False, now=LATER),
            partial(reopening.undo, verdict=verdict, analyst=alice, now=LATER),
        )

        refused = (approvals.NothingToApproveError, reopening.TooLateError)
        assert sum(isinstance(result, refused) for result in results) == 2
        verdict.refresh_from_db()
        is_labelled = Label.objects.filter(decision__alert__case=case).exists()
        assert is_labelled is (verdict.state == "done")
        assert (Case.objects.get(id=case.id).status == "decided") is (verdict.state == "done")
