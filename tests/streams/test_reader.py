"""Dead letters: kept once with their bytes, card numbers masked, and announced."""

import pytest

from scoring.models import Outbox
from streams.models import DeadLetter
from streams.reader import Refusal, write_dead_letters
from streams.source import TRANSACTIONS, Message

pytestmark = pytest.mark.django_db

WHY = [{"field": "amount", "message": "is missing"}]


def refused(partition: str, position: int, body: bytes = b"{}") -> Refusal:
    return Refusal(Message(TRANSACTIONS, partition, position, body), WHY)


def test_only_the_letters_of_a_batch_are_announced_with_it():
    write_dead_letters([refused("0", 0)])
    write_dead_letters([refused("0", 1), refused("1", 0)])

    first, second = Outbox.objects.order_by("id")
    placed = {(letter.partition, letter.position): letter.id for letter in DeadLetter.objects.all()}
    assert first.ids == [placed["0", "0"]]
    assert sorted(second.ids) == sorted([placed["0", "1"], placed["1", "0"]])


def test_a_letter_keeps_its_bytes_but_no_card_number():
    write_dead_letters([refused("0", 2**180, b'{"pan": "4111111111111111", \xff}')])

    letter = DeadLetter.objects.get()
    assert bytes(letter.body) == b'{"pan": "************1111", \xff}'
    assert (letter.position, letter.errors) == (str(2**180), WHY)
