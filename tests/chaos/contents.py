"""Experiments with what the stream carries: poison, ids used twice, duplicates, disorder."""

import random
import subprocess
from collections.abc import Sequence
from contextlib import closing
from itertools import zip_longest

import psycopg
from django.conf import settings

from streams.connect import connect_source
from streams.source import START, TRANSACTIONS, partition_of
from tests.chaos.beside_reference import compare_with_reference
from tests.chaos.counting import Outcome, close_the_books
from tests.chaos.records import Sent, changed, out_of_order, poison, simulated, with_duplicates
from tests.chaos.world import PARTITIONS, PATIENCE_SECONDS, World

_REFUSE_LETTERS = (
    "CREATE TABLE chaos_refuse ()",
    """
    CREATE OR REPLACE FUNCTION chaos_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'no room for letters' USING ERRCODE = '{code}';
    END $$
    """,
    """
    CREATE TRIGGER chaos_refuse BEFORE INSERT ON streams_deadletter
    FOR EACH ROW EXECUTE FUNCTION chaos_refuse()
    """,
)
# The worker waits for the first to pass, and ends at the second.
DISK_FULL, RAISED = "53100", "P0001"


def poison_some(world: World, *, is_short: bool) -> Outcome:
    """Broken records of every kind among good ones, each beside a good one in its partition."""
    outcome = Outcome("1 % poison of every kind")
    count, bad = (1_800, 18) if is_short else (20_000, 200)
    sent = simulated(count, name="poisoned", seed=11, cards=200 if is_short else 3_000)
    chance = random.Random(12)
    broken = [poison(number, chance) for number in range(bad)]
    records = [(one.key, one.body) for one in sent]
    for place, body in zip(sorted(chance.sample(range(count), bad), reverse=True), broken, strict=True):
        records.insert(place, (sent[place].key, body))
    letters = _letters(world)
    world.worker()
    world.produce(records)
    _settle(world, count, letters + bad)
    close_the_books(world, outcome, sent, broken)
    shown = world.value("SELECT count(*) FROM streams_deadletter WHERE position('4111111111111111'::bytea in body) > 0")
    outcome.require(shown == 0, f"{shown} dead letters show a card number")
    return outcome


def poison_all(world: World, *, is_short: bool) -> Outcome:
    """Nothing but poison: the worker ends and says why, at each start anew, and lets no more of it through."""
    outcome = Outcome("100 % poison")
    sent = simulated(200, name="before", seed=13, cards=100)
    world.worker()
    world.send(sent)
    world.settle(len(sent))
    world.end("stream")
    letters = _letters(world)
    world.produce((f"card-{number}", b"%d is no payment" % number) for number in range(2_000))
    codes = [_end_at_poison(world, outcome) for _ in range(1 if is_short else 3)]
    outcome.require(0 not in codes, f"the worker ended with {codes}")
    written = _letters(world) - letters
    limit = settings.STREAM_POISON_THRESHOLD
    outcome.require(written < limit, f"{written} dead letters were written before it stopped")
    outcome.done |= {"poison": 2_000, "starts that ended with an error": len(codes), "dead letters": written}
    close_the_books(world, outcome, sent)
    return outcome


def _end_at_poison(world: World, outcome: Outcome) -> int:
    worker = world.worker("poisoned", batch=40)
    worker.is_kept = False
    try:
        code = worker.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        code = 0
    outcome.require("in a row are invalid" in worker.text(), "the log does not say why the worker ended")
    world.end("poisoned")
    return code


def refuse_dead_letters(world: World, *, is_short: bool) -> Outcome:
    """Dead letters cannot be written: nothing past them is committed until they can."""
    outcome = Outcome("dead letters cannot be written for a while")
    part = 400 if is_short else 5_000
    sent = simulated(2 * part, name="refuse", seed=14, cards=200)
    bad = [b"no payment, letter refused %d" % number for number in range(PARTITIONS)]
    letters = _letters(world)
    worker = world.worker()
    world.send(sent[:part])
    world.settle(part)
    with psycopg.connect(world.postgres.url, autocommit=True) as db:
        for statement in _REFUSE_LETTERS:
            db.execute(statement.format(code=DISK_FULL if is_short else RAISED))
        # One in each partition, ahead of all that follows.
        world.produce(zip(_key_of_each_partition(sent), bad, strict=True))
        world.send(sent[part:])
        world.wait(lambda: worker.text().count("no room for letters") >= 2, what="the worker has tried twice")
        world.rest(0.0 if is_short else 20.0)
        past = world.decided() - part
        outcome.require(past == 0, f"{past} payments behind a dead letter were decided")
        db.execute("DROP TRIGGER chaos_refuse ON streams_deadletter")
        db.execute("DROP TABLE chaos_refuse")
    _settle(world, len(sent), letters + len(bad))
    outcome.done["worker ended and was started again"] = len(worker.exit_codes)
    close_the_books(world, outcome, sent, bad)
    return outcome


def _key_of_each_partition(sent: Sequence[Sent]) -> list[str]:
    return list({partition_of(one.key, PARTITIONS): one.key for one in sent}.values())


def use_ids_twice(world: World, *, is_short: bool) -> Outcome:
    """Ids that come again with other content: right behind the first, later, and from another card."""
    outcome = Outcome("ids used again with other content")
    count = 900 if is_short else 9_000
    sent = simulated(count, name="twice", seed=15, cards=200)
    first, rest = sent[: count // 2], sent[count // 2 :]
    at_once = {one.transaction_id: changed(one, amount="7.77") for one in first[::60]}
    later = [changed(one, amount="8.88") for one in first[30::60]]
    later += [changed(one, card_id="card-of-another") for one in first[7::90]]
    letters = _letters(world)
    world.worker()
    world.send([copy for one in first for copy in (one, at_once.get(one.transaction_id)) if copy is not None])
    world.settle(len(first))
    # Among good ones: too many in a row would stop the worker.
    world.send([copy for pair in zip_longest(rest, later) for copy in pair if copy is not None])
    _settle(world, count, letters + len(at_once) + len(later))
    outcome.done |= {"again at once": len(at_once), "again later": len(later)}
    close_the_books(world, outcome, sent, [one.body for one in [*at_once.values(), *later]])
    return outcome


def shuffle(world: World, *, is_short: bool) -> Outcome:
    """A fifth of the records twice, all out of order within ten minutes, one in twenty up to 48 hours late."""
    outcome = Outcome("20 % duplicates, disorder within 10 min, 5 % up to 48 h late")
    count = 5_000 if is_short else 100_000
    chance = random.Random(16)
    sent = simulated(count, name="shuffled", seed=16, cards=250 if is_short else 5_000)
    flow = with_duplicates(out_of_order(sent, chance), 0.2, chance)
    world.worker()
    world.send(flow)
    world.settle(count)
    world.wait(lambda: _is_read(world), what="all duplicates are read")
    outcome.done["records"] = len(flow)
    close_the_books(world, outcome, sent)
    compare_with_reference(outcome, world.base, chance, 50 if is_short else 200)
    return outcome


def _is_read(world: World) -> bool:
    with closing(connect_source(TRANSACTIONS)) as source, psycopg.connect(world.postgres.url) as db:
        query = "SELECT partition, position FROM streams_streamprogress WHERE stream = %s"
        found = db.execute(query, [TRANSACTIONS]).fetchall()
        positions = {name: int(place) if place else START for name, place in found}
        return not source.read(positions, limit=1, wait_seconds=0.01)


def _letters(world: World) -> int:
    return int(world.value("SELECT count(*) FROM streams_deadletter"))


def _settle(world: World, payments: int, letters: int) -> None:
    world.wait(lambda: _letters(world) >= letters, what=f"{letters} dead letters")
    world.settle(payments)
