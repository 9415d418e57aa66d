"""The ledger check: it finds each kind of break, and nothing where there is none."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from cases.models import Alert, FeedEntry
from scoring.models import Decision, Outbox
from scoring.services.store import batch_store
from streams.connect import connect_publisher, connect_source
from streams.ledger import check as ledger
from streams.ledger import log, topic
from streams.ledger.report import Check, in_words
from streams.models import DeadLetter
from streams.outbox import relay_outbox
from streams.source import TRANSACTIONS, Partition, StreamError
from tests.factories import make_decision
from tests.memory_stream import MemoryStream
from tests.scoring.payments import body_of, fields_of, publish
from tests.streams.flow import drain, worker_on
from tests.streams.ledger_world import BIG, World, a_day_of_work, broken, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db, monkeypatch) -> World:
    return a_day_of_work(monkeypatch)


def test_all_invariants_hold_after_a_day_of_work(world):
    code, checks = run()

    assert code == 0
    assert {check["standing"] for check in checks.values()} == {"holds"}
    assert checks["A"]["counts"]["valid records"] == 3
    assert checks["C"]["counts"]["dead letters of the log"] == 2
    assert checks["F"]["counts"]["published decisions compared"] == 3


def test_a_check_changes_nothing(world):
    tables = (Decision, DeadLetter, Outbox, Alert, FeedEntry)
    before = [list(table.objects.values()) for table in tables]

    run()

    assert [list(table.objects.values()) for table in tables] == before


def test_a_record_without_decision_is_found(world):
    lost = body_of(transaction_id="lost")
    world.send(lost)
    world.work()
    Decision.objects.filter(transaction_id="lost").delete()

    code, checks = run()

    assert code == 1
    assert "transaction lost" in checks["A"]["examples"][0]
    assert checks["E"]["standing"] == "broken"
    # It was told to the outside, too.
    assert "published and is not stored" in checks["B"]["examples"][0]


def test_an_invalid_record_without_its_letter_is_found(world):
    DeadLetter.objects.filter(position="2").delete()

    assert broken() == "CE"


def test_a_letter_with_other_bytes_is_found(world):
    DeadLetter.objects.filter(position="2").update(body=b"other")

    assert broken() == "C"


def test_a_letter_of_a_valid_record_is_found_until_somebody_has_dealt_with_it(world):
    letter = DeadLetter.objects.create(stream=TRANSACTIONS, partition="9", position="1", body=body_of(), errors=[])
    assert broken() == "C"

    letter.state = DeadLetter.State.SENT
    letter.save()
    assert broken() == ""


def test_a_letter_with_a_masked_card_number_is_in_order(world):
    world.send(body_of(card_id="4111111111111111"))
    world.work()

    assert broken() == ""


def test_an_outbox_row_that_waits_too_long_is_found(world):
    Outbox.objects.create(topic="decisions", ids=[1])
    assert broken() == ""

    Outbox.objects.update(created_at=now() - timedelta(minutes=5))
    assert broken() == "B"


def test_a_flagged_decision_without_alert_is_found_unless_its_effect_is_on_its_way(world):
    FeedEntry.objects.all().delete()
    Alert.objects.all().delete()
    assert broken() == "B"

    Outbox.objects.create(topic="alerts", ids=list(Decision.objects.values_list("id", flat=True)))
    assert broken() == ""


def test_an_alert_that_was_not_shown_and_a_gap_in_the_feed_are_found(world):
    world.send(body_of(**BIG))
    world.work()

    FeedEntry.objects.filter(seq=1).delete()

    assert run()[1]["B"]["faults"] == 2


def test_history_from_a_file_has_no_effects(world):
    make_decision(source="file:old.csv", decided_at=now(), record=fields_of(card_id="card-7731"))

    checks = run()[1]

    assert checks["B"]["standing"] == "holds"
    assert checks["B"]["counts"]["flagged decisions"] == 1


def test_a_decision_that_was_not_published_is_found_unless_it_is_on_its_way(world):
    (place,) = world.published()
    told = world.out.logs[place].pop()
    assert broken() == "B"

    name = json.loads(told)["transaction_id"]
    Outbox.objects.create(topic="decisions", ids=[Decision.objects.get(transaction_id=name).id])
    assert broken() == ""


def test_a_decision_published_while_the_topic_is_read_is_not_missed(world, monkeypatch):
    (place,) = world.published()
    told = world.out.logs[place].pop()
    unseen = topic._unseen

    def late(*arguments):
        found = list(unseen(*arguments))
        world.out.logs[place].append(told)
        return found

    monkeypatch.setattr(topic, "_unseen", late)

    assert broken() == ""


def test_what_an_old_topic_no_longer_holds_is_not_called_missing(world):
    (place,) = world.published()
    first = world.out.read({"0": -1, "1": -1}, limit=9, wait_seconds=0.0)[0]
    check = Check("B", "", "")
    row = Decision.objects.order_by("id").first()

    topic._report_missing(check, [row.id], row.decided_at + timedelta(seconds=1))

    assert place[1] == first.partition
    assert (check.faults, len(check.unknown)) == (0, 1)


def horizon(begins: dict[str, tuple[int, datetime]], *partitions: Partition, kept_for: timedelta | None) -> datetime:
    """Of a topic whose partitions begin with the records (position, decided at)."""
    seen = np.zeros(0, bool)
    return topic.Topic(MemoryStream(), 0, seen, partitions, kept_for, positions={}, begins=begins).horizon()


def test_a_partition_may_have_lost_what_was_decided_before_its_first_record_unless_that_is_the_first_ever():
    one, two, noon = Partition("0"), Partition("1"), datetime(2026, 1, 31, 12, tzinfo=UTC)
    cut, whole = {"0": (7, noon)}, {"1": (0, noon + timedelta(hours=1))}

    assert horizon(cut | whole, one, two, kept_for=None) == noon
    assert horizon(whole, one, two, kept_for=None) < noon - timedelta(days=365)


def test_a_partition_whose_parents_are_still_there_has_lost_nothing():
    parent, child, noon = Partition("0"), Partition("1", parents=("0",)), datetime(2026, 1, 31, 12, tzinfo=UTC)
    begins = {"0": (7, noon), "1": (8, noon + timedelta(hours=1))}

    assert horizon(begins, parent, child, kept_for=None) == noon


def test_what_is_younger_than_a_broker_keeps_everything_is_not_lost():
    shard, at, day = Partition("0"), now(), timedelta(days=1)
    yesterday = pytest.approx((at - day + log.CLOCK_SLACK).timestamp(), abs=600)

    assert horizon({"0": (7, at)}, shard, kept_for=day).timestamp() == yesterday
    assert horizon({}, shard, kept_for=day).timestamp() == yesterday
    assert horizon({"0": (7, at - 3 * day)}, shard, kept_for=day) == at - 3 * day


@pytest.fixture
def one_empty_read(monkeypatch) -> MemoryStream:
    """A broker that counts nothing, and may be asked once."""
    monkeypatch.setattr(log, "MAX_EMPTY_READS", 1)
    stream = MemoryStream(partitions=1)
    monkeypatch.setattr(stream, "lag", lambda positions: None)
    return stream


def test_a_log_ends_where_its_broker_says_that_reading_is_not_behind(one_empty_read, monkeypatch):
    monkeypatch.setattr(one_empty_read, "behind_seconds", lambda: 0.0)

    assert log.read_some(one_empty_read, {"0": -1}) == []


@pytest.mark.parametrize("seconds", [None, 7.0])
def test_a_log_whose_end_is_not_known_was_not_read_to_its_end(seconds, one_empty_read, monkeypatch):
    monkeypatch.setattr(one_empty_read, "behind_seconds", lambda: seconds)

    with pytest.raises(StreamError, match="does not say"):
        log.read_some(one_empty_read, {"0": -1})


def test_repeats_of_what_was_published_are_in_order_and_other_content_is_not(world):
    (place,) = world.published()
    published = world.out.logs[place]
    published.append(published[0])
    assert broken() == ""

    published.append(json.dumps(json.loads(published[0]) | {"outcome": "decline"}).encode())
    code, checks = run()
    assert code == 1
    assert "differs in outcome" in checks["F"]["examples"][0]
    assert checks["B"]["standing"] == "broken"


def test_a_field_of_later_versions_may_be_missing_in_an_old_message(world):
    row = Decision.objects.order_by("id").first()
    (place,) = world.published()
    told = json.loads(world.out.logs[place][0])
    del told["degraded"]

    assert topic.differing(json.dumps(told).encode(), row) == []
    assert topic.differing(json.dumps(told | {"score": 0.5}).encode(), row) == ["score"]


def test_what_cannot_be_read_is_said_and_breaks_nothing(world, monkeypatch):
    def away(stream: str) -> MemoryStream:
        raise StreamError("no broker")

    monkeypatch.setattr(ledger, "connect_source", away)

    code, checks = run()

    assert code == 0
    assert {letter: checks[letter]["standing"] for letter in "AEF"} == dict.fromkeys("AEF", "not checkable")
    assert "no broker" in checks["A"]["unknown"][0]
    assert (checks["B"]["standing"], checks["B"]["unknown"]) == ("holds in part", ["the topic decisions: no broker"])


def test_a_span_leaves_out_what_came_before_and_after(world):
    assert run("--since", (now() + timedelta(hours=1)).isoformat())[1]["B"]["counts"]["flagged decisions"] == 0
    assert run("--until", "2001-01-01T00:00:00Z")[1]["B"]["counts"]["flagged decisions"] == 0


def test_the_checks_read_real_streams_back_by_their_times():
    publish()
    began = now()
    broker = connect_publisher()
    broker.publish(TRANSACTIONS, [(f"card-{i}", body_of(card_id=f"card-{i}", **BIG)) for i in range(12)])
    with closing(connect_source(TRANSACTIONS)) as source:
        drain(worker_on(source, batch_store()))
    relay_outbox()

    code, checks = run("--since", began.isoformat())
    assert code == 0
    assert {check["standing"] for check in checks.values()} == {"holds"}
    assert checks["A"]["counts"]["valid records"] == 12
    assert checks["F"]["counts"]["published decisions compared"] == 12
    assert run("--until", (began - timedelta(hours=3)).isoformat())[1]["A"]["counts"]["valid records"] == 0

    Decision.objects.filter(card_id="card-3").update(score=0.125)
    assert "differs in score" in run()[1]["F"]["examples"][0]


@pytest.mark.parametrize("bad", [["--since", "yesterday"], ["--until", "2026-01-31T12:00:00"]])
def test_a_time_that_is_none_is_refused(bad):
    with pytest.raises(CommandError, match="such as 2026-01-31T12:00:00Z"):
        call_command("verify_ledger", *bad)


def test_the_report_has_a_line_an_invariant_and_says_what_to_do():
    held, torn, unseen, partly = (Check(letter, "Something", "look there") for letter in "ABCD")
    held.count("records", 1200)
    partly.count("records", 1)
    partly.unknown.append("the oldest")
    torn.fault("one\x1b[2J", number=9)
    unseen.unknown.append("no broker")

    assert in_words([held, torn, unseen, partly]).splitlines() == [
        "A  holds          Something (1,200 records)",
        "B  broken         Something",
        "     one\ufffd[2J",
        "     and more: 9 in all",
        "     What to do: look there",
        "C  not checkable  Something",
        "     not checked: no broker",
        "D  holds in part  Something (1 records)",
        "     not checked: the oldest",
    ]
