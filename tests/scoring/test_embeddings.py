"""Flagged payments and frauds are embedded once, by one model at a time, and follow the ledger."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils.timezone import now

from scoring.models import EmbeddingProgress, Label, PaymentEmbedding
from scoring.services import embeddings
from scoring.services.embeddings import catch_up, embed_flagged, embed_payments
from tests.embedding_world import make_champion, make_embeddable
from tests.factories import DAY, NOON, make_label
from tests.scoring.payments import tampering

pytestmark = pytest.mark.django_db


def up_to_date() -> int:
    """Steps it took until there was nothing left to do."""
    steps = 0
    while catch_up(at=now()):
        steps += 1
    return steps


def rows() -> dict[str, PaymentEmbedding]:
    return {row.card_id: row for row in PaymentEmbedding.objects.all()}


def similarity_of(kind: str, **values: object) -> float | None:
    payment = make_embeddable(kind, 90, **values)
    embed_payments([payment.id], at=NOON)
    return PaymentEmbedding.objects.get(decision=payment).fraud_similarity


def known_frauds(kind: str = "busy", count: int = 6) -> None:
    for number in range(count):
        make_label(make_embeddable(kind, number))
    up_to_date()


def test_flagged_payments_and_frauds_are_embedded_and_others_are_not():
    make_champion()
    flagged, passed = make_embeddable(), make_embeddable(number=1, outcome="approve")
    missed, cleared = make_embeddable(number=2, outcome="approve"), make_embeddable(number=3, outcome="approve")
    make_label(missed)
    make_label(cleared, "legitimate")

    assert embed_payments([flagged.id, passed.id, missed.id, cleared.id], at=NOON) == 2

    found = rows()
    assert set(found) == {"card-busy-0", "card-busy-2"}
    assert (found["card-busy-0"].label, found["card-busy-2"].label) == ("", "fraud")
    assert sum(number * number for number in found["card-busy-0"].embedding) == pytest.approx(1.0, abs=1e-5)


def test_embedding_a_payment_again_changes_nothing():
    make_champion()
    payment = make_embeddable()
    embed_payments([payment.id], at=NOON)

    assert embed_payments([payment.id], at=NOON + DAY) == 0
    assert PaymentEmbedding.objects.get().computed_at == NOON


def test_a_payment_like_known_frauds_is_more_similar_to_them_than_another():
    make_champion()
    known_frauds("busy")

    like, unlike = similarity_of("busy"), similarity_of("large")

    assert like is not None
    assert unlike is not None
    assert like > 0.9
    assert unlike < like - 0.3


def test_without_any_known_fraud_there_is_no_similarity():
    make_champion()
    make_label(make_embeddable(), "legitimate")
    up_to_date()

    assert similarity_of("busy") is None


def test_frauds_of_the_same_card_are_left_out():
    make_champion()
    make_label(make_embeddable(card_id="card-1"))
    up_to_date()

    assert similarity_of("busy", card_id="card-1") is None


def test_labels_are_followed_and_what_was_taken_back_is_confirmed_no_more():
    make_champion()
    payment = make_embeddable()
    embed_payments([payment.id], at=NOON)

    seen = []
    for label, source, hours in (
        ("legitimate", "analyst", 1), ("fraud", "chargeback", 2), ("withdrawn", "chargeback", 3),
        ("withdrawn", "analyst", 4),
    ):  # fmt: skip
        make_label(payment, label, source=source, known_at=NOON + timedelta(hours=hours))
        catch_up(at=now())
        seen.append(PaymentEmbedding.objects.get().label)

    assert seen == ["legitimate", "fraud", "legitimate", ""]


def test_a_label_that_appears_late_with_an_earlier_number_is_not_missed():
    make_champion()
    payment = make_embeddable()
    label = make_label(payment)
    number = label.id
    with tampering():
        label.delete()
    other = make_label(make_embeddable(number=1))
    assert other.id > number
    catch_up(at=now())

    make_label(payment, id=number)
    catch_up(at=now())

    assert rows()["card-busy-0"].label == "fraud"


def test_old_labels_are_looked_at_once(django_assert_max_num_queries):
    make_champion()
    known_frauds()
    with tampering():
        Label.objects.update(created_at=now() - DAY)
    up_to_date()

    assert EmbeddingProgress.objects.get().label_id == max(Label.objects.values_list("id", flat=True))
    assert catch_up(at=now()) == 0


def test_a_new_champion_embeds_all_again_and_only_rows_of_one_model_are_compared():
    first = make_champion(1)
    known_frauds()
    second = make_champion(2)

    assert similarity_of("busy") is None
    up_to_date()

    assert set(PaymentEmbedding.objects.values_list("model_version", flat=True)) == {second.version} != {first.version}
    assert PaymentEmbedding.objects.filter(label="fraud").count() == 6


def test_what_a_new_champion_cannot_embed_goes():
    make_champion(1)
    payment = make_embeddable()
    up_to_date()
    payment.feature_version = "0"
    payment.save()
    make_champion(2)

    up_to_date()

    assert not PaymentEmbedding.objects.exists()


def test_without_an_autoencoder_nothing_is_embedded_and_labels_still_count():
    make_champion(1)
    payment = make_embeddable()
    embed_payments([payment.id], at=NOON)
    make_champion(2, has_anomaly=False)
    make_label(payment)
    make_embeddable(number=1)

    up_to_date()

    assert {card: row.label for card, row in rows().items()} == {"card-busy-0": "fraud"}


def test_without_a_model_nothing_is_embedded():
    payment = make_embeddable()

    assert embed_payments([payment.id], at=NOON) == 0
    assert catch_up(at=now()) == 0


@pytest.mark.parametrize(
    "values", [{"features": b"\0" * 8}, {"feature_version": "0"}, {"degraded": ["features"]}], ids=str
)
def test_a_payment_without_a_vector_of_this_table_is_passed_over(values):
    make_champion()
    payment = make_embeddable(**values)

    assert embed_payments([payment.id], at=NOON) == 0
    assert up_to_date() == 0


def test_what_was_flagged_before_there_was_a_model_is_embedded_when_there_is_one(monkeypatch):
    monkeypatch.setattr(embeddings, "ROWS_AT_ONCE", 2)
    for number in range(5):
        make_embeddable(number=number, occurred_at=now() - timedelta(days=number))
    make_embeddable(number=6, occurred_at=now() - embeddings.LOOK_BACK - DAY)
    make_champion()

    up_to_date()

    assert set(rows()) == {f"card-busy-{number}" for number in range(5)}


def test_a_fault_of_embedding_is_logged_and_the_payment_is_embedded_later(monkeypatch, caplog):
    make_champion()
    payment = make_embeddable(occurred_at=now())
    with monkeypatch.context() as patch:
        patch.setattr(embeddings, "_placed", lambda *_: 1 / 0)
        embed_flagged([payment.id], at=NOON)
    assert "were not embedded yet" in caplog.text

    up_to_date()

    assert set(rows()) == {"card-busy-0"}


def both_at_once(work) -> list[object]:
    """What two threads got that began at the same time."""
    start, found = threading.Barrier(2), []

    def run() -> None:
        start.wait()
        try:
            found.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.django_db(transaction=True)
def test_of_two_processes_that_embed_the_same_payments_one_does():
    make_champion()
    ids = [make_embeddable(number=number).id for number in range(20)]

    embedded = both_at_once(lambda: embed_payments(ids, at=NOON))

    assert sorted(embedded) == [0, 20]
    assert PaymentEmbedding.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_two_that_catch_up_at_once_do_the_work_once():
    make_champion()
    for number in range(5):
        make_label(make_embeddable(number=number, occurred_at=now()))

    both_at_once(lambda: catch_up(at=now()))
    up_to_date()

    assert PaymentEmbedding.objects.filter(label="fraud").count() == 5
