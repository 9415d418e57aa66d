"""Both clients against the product's own web process, on PostgreSQL and Valkey."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from fraudapp_client import (
    AuthenticationError,
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    Label,
    NotFoundError,
    Outcome,
)
from scoring.models import Decision
from scoring.models import Label as LabelRow
from scoring.services.keys import issue_key
from tests.clients.calling import payment
from tests.waiting import wait_until

# A machine that is busy with other tests is not what these are about.
UNHURRIED = {"deadline": 60.0, "attempt_timeout": 60.0}


@pytest.fixture
def client(connect, site):
    return connect(site.url, site.key, **UNHURRIED)


def test_a_payment_is_decided_and_stored_as_it_was_sent(client):
    sent = payment(amount=Decimal("2000.10"), occurred_at=now(), extra={"basket": 3}, latitude=1.5, longitude=-2.0)

    decision = client.decide(sent)

    assert (decision.outcome, decision.rule_hits) == (Outcome.REVIEW, ("large",))
    assert decision.reasons[0].words == "The amount is 2,000.10 EUR"
    found = client.decision(sent.transaction_id)
    assert found.transaction == sent
    assert (found.outcome, found.decided_at, found.score) == (decision.outcome, decision.decided_at, decision.score)
    assert found.features["amount"] == pytest.approx(2000.10)


def test_a_payment_sent_again_is_decided_once(client):
    sent = payment()

    assert client.decide(sent) == client.decide(sent)
    assert Decision.objects.filter(transaction_id=sent.transaction_id).count() == 1


def test_another_payment_under_the_same_id_is_a_conflict(client):
    client.decide(payment(transaction_id="taken"))

    with pytest.raises(ConflictError) as caught:
        client.decide(payment(transaction_id="taken", amount=Decimal("99")))

    assert [error.field for error in caught.value.errors] == ["transaction_id"]


def test_what_is_no_payment_is_named(client):
    with pytest.raises(InvalidRequestError) as caught:
        client.decide(payment(occurred_at=now() + timedelta(days=1), amount=Decimal("-1"), channel="ecommerce"))

    assert caught.value.status == 422
    assert {error.field for error in caught.value.errors} == {"occurred_at", "amount"}


@pytest.mark.parametrize("text", ["\ud800", "a\x00b"])
def test_what_is_no_text_is_refused_by_the_server_not_by_an_accident(client, text):
    with pytest.raises(InvalidRequestError):
        client.decide(payment(merchant_name=text))


def test_a_payment_nobody_decided_is_not_found(client):
    with pytest.raises(NotFoundError):
        client.decision("a/b?c")


def test_a_label_reaches_the_ledger_once(client):
    client.decide(payment(transaction_id="labelled"))
    said = Label(transaction_id="labelled", label="fraud", source="chargeback", known_at=now(), note="code 4837")

    assert client.label(said).known_at == said.known_at
    assert client.label(said).note == "code 4837"
    assert LabelRow.objects.filter(decision__transaction_id="labelled").count() == 1


def test_a_label_for_a_payment_nobody_decided_is_refused(client):
    with pytest.raises(InvalidRequestError) as caught:
        client.label(Label(transaction_id="nobody", label="fraud", source="customer", known_at=now()))

    assert [error.field for error in caught.value.errors] == ["transaction_id"]


def test_a_key_that_is_none_is_refused(connect, site):
    with pytest.raises(AuthenticationError):
        connect(site.url, "fk_unknown", **UNHURRIED).decide(payment())


def test_a_key_for_something_else_is_refused_with_the_scope_it_lacks(connect, site):
    reader = connect(site.url, issue_key(name="reader", scopes=["read"]), **UNHURRIED)
    wait_until(lambda: _is_known(reader))

    with pytest.raises(ForbiddenError, match="`decide`"):
        reader.decide(payment())


def _is_known(reader) -> bool:
    """The web process has heard of the key."""
    try:
        reader.decision("nobody")
    except AuthenticationError:
        return False
    except NotFoundError:
        return True
    raise AssertionError("nobody's payment was found")


def test_threads_share_a_client(client):
    payments = [payment(card_id=f"card-{number}") for number in range(16)]
    decided = []

    def decide(mine):
        decided.extend(client.decide(one) for one in mine)

    threads = [threading.Thread(target=decide, args=[payments[start::4]]) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {one.transaction_id for one in decided} == {one.transaction_id for one in payments}
