"""Both clients at the desk: cases of the product's own web process, batches, decisions made again."""

from decimal import Decimal

import pytest
from django.utils.timezone import now

from cases.models import CaseEvent
from cases.models import Verdict as VerdictRow
from fraudapp_client import ConflictError, InvalidRequestError, Label, NotFoundError, Reproduction, Verdict
from scoring.models import Decision as StoredDecision
from scoring.services.explaining import explain_decisions
from streams.outbox import relay_outbox
from tests.clients.calling import payment

UNHURRIED = {"deadline": 60.0, "attempt_timeout": 60.0, "patience": 120.0}


@pytest.fixture
def client(connect, site):
    return connect(site.url, site.key, **UNHURRIED)


@pytest.fixture
def flagged(client):
    """Makes cases: one flagged payment of each card, and the task worker's part."""

    def flag(*cards: str) -> list[str]:
        decisions = [client.decide(payment(card_id=card, amount=Decimal("2000"))) for card in cards]
        relay_outbox()
        return [decision.transaction_id for decision in decisions]

    return flag


def test_a_case_is_found_claimed_noted_and_decided(client, flagged):
    (transaction_id,) = flagged("card-desk")

    (found,) = client.cases(card="card-desk")
    claimed = client.claim_case(found.id)
    note = client.add_note(found.id, "The shop knows the customer.")
    said = client.record_verdict(found.id, Verdict(verdict="legitimate", note="Usual.", seen_alerts=1))

    assert (found.status, found.card_id, found.alert_count, found.amount) == (
        "open",
        "card-desk",
        1,
        Decimal("2000.00"),
    )
    assert (claimed.claim.username, note.by.username, said.said_by.username) == ("alice", "alice", "alice")
    assert (said.verdict, said.state) == ("legitimate", "waiting")
    assert said.undo_until > said.said_at
    read = client.case(found.id)
    assert (read.status, read.verdict) == ("decided", "legitimate")
    assert [one["transaction_id"] for one in read.raw["payments"]] == [transaction_id]
    assert VerdictRow.objects.filter(case_id=found.id).count() == 1


def test_a_verdict_is_taken_back(client, flagged):
    flagged("card-undo")
    (found,) = client.cases(card="card-undo")
    client.record_verdict(found.id, Verdict(verdict="fraud", block_days=7, overrides={}))

    assert client.undo_verdict(found.id).status == "open"


def test_who_comes_late_is_told_which_conflict_it_is(client, flagged):
    flagged("card-late")
    (found,) = client.cases(card="card-late")
    client.record_verdict(found.id, Verdict(verdict="inconclusive"))

    with pytest.raises(ConflictError) as caught:
        client.record_verdict(found.id, Verdict(verdict="fraud"))

    assert caught.value.refusal == "not_open"


def test_pages_of_cases_follow_each_other(client, flagged):
    flagged(*(f"card-{number}" for number in range(5)))

    found = list(client.cases(limit=2, status="open"))

    assert {case.card_id for case in found} == {f"card-{number}" for number in range(5)}
    assert len(found) == 5


def test_a_filter_there_is_not_is_named(client):
    with pytest.raises(InvalidRequestError) as caught:
        list(client.cases(colour="red"))

    assert [error.field for error in caught.value.errors] == ["colour"]


def test_the_next_case_is_claimed_released_and_then_there_is_none(client, flagged):
    assert client.next_case() is None
    flagged("card-next")

    case = client.next_case()

    assert case.claim.username == "alice"
    assert client.release_case(case.id).claim is None
    assert CaseEvent.objects.filter(case_id=case.id, kind="released").count() == 1


def test_a_case_nobody_has_is_not_found(client):
    with pytest.raises(NotFoundError):
        client.case("00000000-0000-4000-8000-000000000000")


def test_a_batch_is_decided_in_its_order_and_a_bad_payment_sinks_no_other(client):
    first, bad, last = payment(), payment(amount=Decimal(0)), payment(amount=Decimal("2000"))
    client.decide(first)

    results = client.decide_batch([first, bad, last])

    assert [result.status for result in results] == [200, 422, 201]
    assert [error.field for error in results[1].problem.errors] == ["amount"]
    assert (results[2].decision.transaction_id, results[2].decision.outcome) == (last.transaction_id, "review")


def test_a_decision_is_made_again(client):
    decision = client.decide(payment(amount=Decimal("2000")))

    assert client.reproduce(decision.transaction_id) == Reproduction(same=True, transaction_id=decision.transaction_id)


def test_an_explanation_is_read_once_it_is_made(client):
    decision = client.decide(payment(amount=Decimal("2000")))
    with pytest.raises(NotFoundError):
        client.explanation(decision.transaction_id)

    explain_decisions(list(StoredDecision.objects.values_list("id", flat=True)), at=now())

    found = client.explanation(decision.transaction_id)
    assert (found.transaction_id, found.state, found.model_version) == (decision.transaction_id, "no_model", "")
    assert found.problem


def test_a_label_said_again_is_the_stored_one(client):
    decision = client.decide(payment())
    said = Label(transaction_id=decision.transaction_id, label="fraud", source="customer", known_at=now(), note="first")
    again = Label(transaction_id=said.transaction_id, label="fraud", source="customer", known_at=said.known_at)

    assert client.label(said).note == "first"
    assert client.label(again).note == "first"
