"""Confirmed payments that resemble a case's: who sees which, on the page and by call."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from cases.queries.queues import Desk, desk_of
from cases.queries.similar import MAX_SIMILAR, Similar, similar_to
from cases.services import routing
from cases.services.review_settings import change_settings
from cases.sight import Sight
from scoring.models import Decision, PaymentEmbedding
from scoring.services.embeddings import catch_up, embed_payments
from tests.embedding_world import make_champion, make_embeddable
from tests.factories import HOUR, NOON, make_case, make_label, make_queue, make_user

pytestmark = pytest.mark.django_db
EVERYTHING = Desk(queues=(), seen=frozenset(), worked=frozenset())
NOBODY = Sight(user_id=0)


def confirmed(kind: str = "busy", number: int = 0, label: str = "fraud", **values: Any) -> Decision:
    payment = make_embeddable(kind, number, **values)
    make_label(payment, label)
    return payment


def up_to_date() -> None:
    while catch_up(at=now()):
        pass


def case_like(kind: str = "busy", **values: Any):
    """An open case of a payment of the kind, with all embedded that is confirmed."""
    up_to_date()
    payment = make_embeddable(kind, 90, **{"card_id": "card-own"} | values)
    embed_payments([payment.id], at=NOON)
    return make_case(decisions=[payment])


def found(case, *, desk: Desk = EVERYTHING, sight: Sight = NOBODY, **options: Any) -> Similar:
    similar = similar_to(case, case.alerts.get().decision, desk=desk, sight=sight, **options)
    assert similar is not None
    return similar


def test_the_nearest_confirmed_payments_are_told_frauds_apart_from_false_alarms():
    make_champion()
    for number in range(4):
        confirmed(number=number)
    confirmed(number=4, label="legitimate")
    confirmed("large", number=5)
    make_embeddable(number=6)

    similar = found(case_like())

    assert {one.card_id for one in similar.frauds} == {f"card-busy-{number}" for number in range(4)}
    assert [one.card_id for one in similar.legitimate] == ["card-busy-4"]
    assert all(0.6 <= one.similarity <= 1.0 for one in similar.payments)
    assert similar.fraud_similarity > 0.9


def test_of_a_card_one_is_told_the_own_card_comes_last_and_five_are_enough():
    make_champion()
    confirmed(number=0, card_id="card-own")
    for number in range(1, 4):
        confirmed(number=number, card_id="card-1")
    confirmed(number=4)

    cards = [one.card_id for one in found(case_like()).payments]

    assert sorted(cards[:2]) == ["card-1", "card-busy-4"]
    assert cards[2:] == ["card-own"]


def test_no_more_than_five_are_told():
    make_champion()
    for number in range(8):
        confirmed(number=number)

    assert len(found(case_like()).payments) == MAX_SIMILAR


def test_what_they_have_in_common_is_told_in_words():
    make_champion()
    confirmed()

    (one,) = found(case_like()).payments

    assert 1 <= len(one.alike) <= 3
    # What both are large in.
    assert all(words.startswith("40 ") or " 40 " in words for words in one.alike)


def test_a_label_that_was_taken_back_counts_at_once():
    make_champion()
    payment = confirmed()
    case = case_like()
    make_label(payment, "withdrawn", known_at=NOON + HOUR)

    assert found(case).payments == []


def test_a_review_sees_what_was_confirmed_before_its_moment_only():
    make_champion()
    confirmed()
    case = case_like()

    assert found(case, as_of=NOON).payments == []
    assert found(case, as_of=NOON).fraud_similarity is None
    assert len(found(case, as_of=NOON + HOUR).payments) == 1
    assert found(case, as_of=NOON + HOUR).fraud_similarity is not None


def test_the_verdict_on_a_case_under_blind_review_is_not_told():
    make_champion()
    reviewed = make_case(decisions=[confirmed()])
    case = case_like()

    assert found(case, sight=Sight(1, blind=frozenset({reviewed.id}))).payments == []
    assert len(found(case, sight=Sight(1, blind=frozenset({case.id}))).payments) == 1


def test_a_case_in_a_queue_of_others_is_not_told_but_its_payment_is():
    make_champion()
    theirs = make_queue(takes_new=False, members=[make_user("lead")])
    make_case(decisions=[confirmed(number=0)], queue=theirs)
    ours = make_case(decisions=[confirmed(number=1)])
    case = case_like()

    told = {one.card_id: one.case_id for one in found(case, desk=desk_of(make_user())).payments}

    assert told == {"card-busy-0": None, "card-busy-1": ours.id}


def test_payments_of_another_model_are_not_compared():
    make_champion(1)
    confirmed()
    case = case_like()
    PaymentEmbedding.objects.filter(label="fraud").update(model_version="another")

    assert found(case).payments == []


def test_a_payment_without_embedding_has_none():
    case = make_case()

    assert similar_to(case, case.alerts.get().decision, desk=EVERYTHING, sight=NOBODY) is None


def test_a_model_that_is_gone_leaves_the_likeness_without_words():
    make_champion()
    confirmed()
    case = case_like()
    PaymentEmbedding.objects.update(model_version="gone")

    (one,) = found(case).payments

    assert one.alike == []


def test_the_page_tells_them_escaped_in_as_many_queries_for_many(client):
    make_champion()
    confirmed(merchant_name="<script>alert(1)</script>")
    case = case_like()
    client.force_login(make_user())
    client.get(case.get_absolute_url())
    with CaptureQueriesContext(connection) as few:
        content = client.get(case.get_absolute_url()).content.decode()
    for number in range(1, 12):
        confirmed(number=number)
    up_to_date()
    with CaptureQueriesContext(connection) as many:
        client.get(case.get_absolute_url())

    assert "Similar confirmed cases" in content
    assert "&lt;script&gt;alert(1)" in content
    assert "<script>alert" not in content
    assert len(many) == len(few)


def test_with_nothing_confirmed_the_page_says_so_and_without_a_model_it_is_silent(client):
    client.force_login(make_user())
    bare = make_case()
    make_champion()
    case = case_like()

    assert b"Similar confirmed cases" not in client.get(bare.get_absolute_url()).content
    assert b"No confirmed payment resembles this one." in client.get(case.get_absolute_url()).content


def test_who_decides_before_the_score_is_not_told_by_likeness_either(client):
    alice = make_user()
    change_settings(values={}, displays={alice.id: "always"})
    make_champion()
    confirmed()
    case = case_like(anomaly_score=0.987)
    client.force_login(alice)

    content = client.get(case.get_absolute_url()).content

    assert b"Similar confirmed cases" not in content
    assert b"0.987" not in content


def test_the_anomaly_score_stands_beside_the_score(client):
    case = make_case(decisions=[make_embeddable(anomaly_score=0.987)])
    client.force_login(make_user())

    assert b"strangeness 0.987" in client.get(case.get_absolute_url()).content


def test_a_queue_takes_payments_that_are_similar_enough_to_frauds():
    make_champion()
    queue = make_queue("like-fraud", least_similarity=0.8)
    for number in range(5):
        confirmed(number=number)
    up_to_date()
    like, unlike, unknown = make_embeddable("busy", 90), make_embeddable("large", 91), make_embeddable("busy", 92)
    embed_payments([like.id, unlike.id], at=NOON)

    taken = routing.route([like, unlike, unknown])

    assert taken[like.id] == queue
    assert taken[unlike.id].is_default
    assert taken[unknown.id].is_default


def test_a_queue_asks_for_its_condition_and_the_similarity():
    make_champion()
    make_queue("like-fraud", least_similarity=0.0, condition="amount > 5000")
    confirmed()
    up_to_date()
    payment = make_embeddable("busy", 90)
    embed_payments([payment.id], at=NOON)

    assert routing.route([payment])[payment.id].is_default
