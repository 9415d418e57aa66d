"""Invalid records are set aside one by one; too many in a row stop the worker, whatever the size of its batches."""

import pytest
from django.conf import settings

from scoring.models import Decision
from streams.models import DeadLetter, StreamProgress
from streams.reader import PoisonedStreamError
from tests.scoring.payments import body_of
from tests.streams.flow import drain, run, send, worker_on

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]

LIMIT = settings.STREAM_POISON_THRESHOLD


def poison(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def test_a_read_full_of_poison_stops_and_commits_nothing(stream, store):
    send(stream, *poison(LIMIT))

    with pytest.raises(PoisonedStreamError, match=r"begins at partition \d, position 0"):
        run(stream, store)

    assert not DeadLetter.objects.exists()
    assert not StreamProgress.objects.exclude(position="").exists()


def test_poison_that_comes_a_little_at_a_time_stops_at_the_same_count(stream, store, settings):
    settings.STREAM_BATCH_SIZE = 30
    send(stream, *poison(LIMIT * 2))

    with pytest.raises(PoisonedStreamError, match="120 records of transactions in a row"):
        run(stream, store)

    assert DeadLetter.objects.count() == 90
    assert sorted(StreamProgress.objects.values_list("position", flat=True)) == ["", "89"]


def test_poison_in_several_partitions_is_one_run(stream, store, settings):
    settings.STREAM_BATCH_SIZE = 60
    for number in range(LIMIT):
        send(stream, b"%d" % number, key=f"card-{number}")

    with pytest.raises(PoisonedStreamError):
        run(stream, store)

    assert DeadLetter.objects.count() == 60


def test_a_restart_lets_no_more_poison_through(stream, store, settings):
    settings.STREAM_BATCH_SIZE = 30
    send(stream, *poison(LIMIT * 2))

    for number in range(3):
        with pytest.raises(PoisonedStreamError):
            drain(worker_on(stream, store))
        assert DeadLetter.objects.count() == 90, f"after {number} restarts"


def test_known_ids_with_other_content_count_as_poison_too(stream, store):
    send(stream, body_of(transaction_id="x"))
    run(stream, store)
    send(stream, *(body_of(transaction_id="x", amount=str(number + 100)) for number in range(LIMIT)))

    with pytest.raises(PoisonedStreamError, match="other content"):
        run(stream, store)

    assert not DeadLetter.objects.exists()


def test_one_good_record_among_the_poison_goes_on(stream, store):
    send(stream, *poison(LIMIT), body_of())

    run(stream, store)

    assert Decision.objects.count() == 1
    assert DeadLetter.objects.count() == LIMIT


def test_a_good_record_between_begins_the_count_anew(stream, store, settings):
    settings.STREAM_BATCH_SIZE = 30
    for _ in range(3):
        send(stream, *poison(60), body_of())

    run(stream, store)

    assert Decision.objects.count() == 3
    assert DeadLetter.objects.count() == 180


def test_a_higher_threshold_lets_a_known_stretch_through(stream, store, settings):
    send(stream, *poison(LIMIT))
    settings.STREAM_POISON_THRESHOLD = LIMIT + 1

    run(stream, store)

    assert DeadLetter.objects.count() == LIMIT
