"""Experiments with workers that are killed, come late and leave."""

from collections.abc import Sequence

from scoring.models import PendingFeatures
from scoring.services.store import batch_store
from streams.source import TRANSACTIONS
from tests.chaos.counting import Outcome, close_the_books
from tests.chaos.proxy import Mode
from tests.chaos.records import Sent, simulated
from tests.chaos.world import PARTITIONS, World

# Long against a batch of these sizes.
CATCH_SECONDS = 0.15
CATCH_ATTEMPTS = 20


def kill_the_worker(world: World, *, is_short: bool) -> Outcome:
    """One worker, killed with -9 at random moments in the flow, and between the record of a batch and its features."""
    outcome = Outcome("stream worker killed with -9 in the flow")
    count, kills, batch = (5_000, 3, 40) if is_short else (200_000, 20, 100)
    sent = simulated(count, name="kill", seed=1, cards=300 if is_short else 8_000)
    world.send(sent)
    worker = world.worker("killed", batch=batch, REDIS_URL=world.proxy.url)
    between = 0
    for number, moment in enumerate(sorted(world.chance.sample(range(1, count * 3 // 4), kills))):
        # A worker that has just come back has to get somewhere before it is killed again.
        world.wait_for_decisions(max(moment, world.about_decided() + 3 * batch))
        world.rest(world.chance.random() * 0.03)
        if number % 2 == 0:
            _catch_between(world)
        worker.kill()
        between += _has_uncounted()
        # What it had sent the store gets there late, or never.
        world.proxy.set(world.chance.choice([Mode.PASS, Mode.REFUSE]))
        world.rest(0.1)
        world.proxy.set(Mode.PASS)
    world.settle(count)
    world.end("killed")
    outcome.done |= {"kills": kills, "of them between record and features": between}
    outcome.require(between > 0, "no kill met the moment between a record and its features")
    close_the_books(world, outcome, sent)
    return outcome


def _catch_between(world: World) -> None:
    """Let the features' Valkey fall silent at a moment when a batch is recorded and its features are not stored."""
    for _ in range(CATCH_ATTEMPTS):
        world.proxy.set(Mode.HANG)
        world.rest(CATCH_SECONDS)
        if _has_uncounted():
            return
        world.proxy.set(Mode.PASS)
        world.rest(world.chance.random() * CATCH_SECONDS)


def _has_uncounted() -> bool:
    """Whether a batch is recorded whose features are not stored."""
    latest = PendingFeatures.objects.order_by("-id").values_list("id", flat=True)[:5]
    return not all(batch_store().has_receipts([str(row) for row in latest]))


def share_and_kill(world: World, *, is_short: bool) -> Outcome:
    """Two workers killed in turn, one that joins late, one that leaves warmly."""
    outcome = Outcome("two workers killed in turn, one joins late, one leaves warmly")
    part, kills = (800, 2) if is_short else (12_000, 4)
    sent = simulated((kills + 2) * part, name="share", seed=2, cards=200 if is_short else 3_000)
    parts = iter([sent[start : start + part] for start in range(0, len(sent), part)])
    workers = [world.worker(name, batch=20) for name in ("first", "second")]
    owners = _wait_for_owners(world, 2)
    for number in range(kills):
        _flow(world, next(parts))
        workers[number % 2].kill()
        owners = _wait_for_owners(world, 2, other_than=owners)
    _flow(world, next(parts))
    if not is_short:
        world.worker("late", batch=20)
        _wait_for_owners(world, 3)
    _flow(world, next(parts))
    (code,) = world.end("first")
    outcome.require(code == 0, f"the worker that left warmly ended with {code}")
    _wait_for_owners(world, 1 if is_short else 2)
    world.settle(len(sent))
    world.end(*world.processes.keys() - {"relay"})
    outcome.done |= {"kills": kills, "joined late": kills + (not is_short), "left warmly": 1}
    close_the_books(world, outcome, sent, only_own=True)
    return outcome


def _flow(world: World, sent: Sequence[Sent]) -> None:
    """Send records and wait until the workers are in the middle of them."""
    before = world.about_decided()
    world.send(sent)
    world.wait_for_decisions(before + len(sent) // 10)


def _wait_for_owners(world: World, count: int, *, other_than: frozenset[str] = frozenset()) -> frozenset[str]:
    """Until so many workers, not just these, own all partitions; their names."""
    query = (
        "SELECT array_agg(owner) FROM streams_streamprogress WHERE stream = %s AND owner <> '' AND lease_until > now()"
    )

    def owners() -> list[str]:
        return world.value(query, [TRANSACTIONS]) or []

    def are_right() -> bool:
        found = owners()
        return len(found) == PARTITIONS and len(set(found)) == count and frozenset(found) != other_than

    world.wait(are_right, what=f"all partitions are owned by {count} workers")
    return frozenset(owners())
