"""Experiments with the features' Valkey: killed, emptied, rewound, slow, mute."""

from collections.abc import Sequence
from contextlib import suppress

from django.conf import settings
from django.db.models import F

from scoring.features.live import FeatureStoreError
from scoring.models import ApiKey, PendingFeatures
from scoring.services.features import SETTLE_AFTER, settle_features
from scoring.services.keys import issue_key
from scoring.services.rebuild import rebuild_features, restore_features
from scoring.services.store import batch_store
from tests.chaos.calls import Calls, call
from tests.chaos.counting import Outcome, close_the_books
from tests.chaos.processes import cut_log, empty_valkey, keep_log, kill_valkey, log_size
from tests.chaos.proxy import Mode
from tests.chaos.records import Sent, changed, simulated
from tests.chaos.world import World

BATCH = 100
# What a call may take beside waiting once for the feature store: another program may have the processors.
SLACK_SECONDS = 1.5


def lose_the_features(world: World, *, is_short: bool) -> Outcome:
    """The features' Valkey comes back empty: once while the worker is busy, once while it waits for records."""
    outcome = Outcome("feature store killed with -9, back empty")
    part, seconds = (1_500, 0.0) if is_short else (15_000, 30.0)
    sent = simulated(3 * part, name="empty", seed=3, cards=200 if is_short else 3_000)
    world.worker(batch=BATCH)
    for number, is_busy in enumerate((True, False)):
        before = world.about_decided()
        world.send(sent[number * part : (number + 1) * part])
        if is_busy:
            world.wait_for_decisions(before + part // 3)
        else:
            world.settle((number + 1) * part)
        kill_valkey(world.features)
        empty_valkey(world.home / "features")
        world.rest(seconds)
        start_again(world)
    world.send(sent[2 * part :])
    world.settle(len(sent))
    outcome.done |= {"times": 2, "seconds away": round(seconds)}
    outcome.require_all_alive(world)
    close_the_books(world, outcome, sent)
    return outcome


def rewind_the_features(world: World, *, is_short: bool) -> Outcome:
    """The features' Valkey comes back without its last second, while the worker is busy."""
    outcome = Outcome("feature store killed with -9, back without its last second")
    part = 1_500 if is_short else 20_000
    sent = simulated(2 * part, name="rewind", seed=4, cards=200 if is_short else 3_000)
    world.worker(batch=BATCH)
    world.send(sent[:part])
    world.wait_for_decisions(part // 3)
    size = log_size(world.home / "features")
    world.rest(0.2 if is_short else 1.0)
    _rewind(world, outcome, size)
    world.send(sent[part:])
    world.settle(len(sent))
    close_the_books(world, outcome, sent)
    return outcome


def rewind_the_features_unseen(world: World, *, is_short: bool) -> Outcome:
    """The same while nothing comes, so that the worker asks it nothing while it is away."""
    outcome = Outcome("the same between two batches of an idle worker")
    part = 500
    sent = simulated(3 * part, name="idle", seed=5, cards=200)
    world.worker(batch=BATCH)
    world.send(sent[:part])
    world.settle(part)
    size = log_size(world.home / "features")
    world.send(sent[part : 2 * part])
    world.settle(2 * part)
    _rewind(world, outcome, size)
    world.send(sent[2 * part :])
    world.settle(len(sent))
    close_the_books(world, outcome, sent)
    return outcome


def start_again(world: World) -> None:
    world.features.start()
    keep_log(world.features)
    # The store of this process notices the restart too, and says so once.
    with suppress(FeatureStoreError):
        batch_store().generation()


def _rewind(world: World, outcome: Outcome, size: int) -> None:
    """Kill the features' Valkey and let it come back as it was when its log had this size."""
    kill_valkey(world.features)
    lost = cut_log(world.home / "features", size)
    start_again(world)
    outcome.done["bytes lost"] = lost
    outcome.require(lost > 0, "nothing was lost of the log, so nothing was tried")


class _CutOffError(Exception):
    """The rebuild is cut off here."""


def rewind_a_rebuild(world: World, *, is_short: bool) -> Outcome:
    """A rebuild is cut off together with its Valkey, which comes back without the last chunk; it goes on after that."""
    outcome = Outcome("rebuild cut off, feature store back without its last second")
    count = 7_000 if is_short else 30_000
    sent = simulated(count, name="rebuild", seed=17, cards=200 if is_short else 3_000)
    world.worker()
    world.send(sent)
    world.settle(count)
    world.end("stream")
    # What is older than the writers' patience has no rows any more that would count it again.
    PendingFeatures.objects.update(created_at=F("created_at") - SETTLE_AFTER)
    settle_features("", store=batch_store())
    sizes: list[int] = []

    def cut_off(done: int, total: int) -> None:
        sizes.append(log_size(world.home / "features"))
        if len(sizes) == 3:
            raise _CutOffError

    try:
        rebuild_features(store=batch_store(), progress=cut_off, is_fresh=True)
    except _CutOffError:
        _rewind(world, outcome, sizes[1])
    restore_features(store=batch_store(), progress=lambda done, total: None)
    world.settle(count)
    close_the_books(world, outcome, sent)
    return outcome


def slow_down_the_features(world: World, *, is_short: bool) -> Outcome:
    """The features' Valkey answers late, then not at all: the stream waits, calls are answered without features."""
    outcome = Outcome("feature store slow (100 ms an answer), then mute")
    part, calls = (600, 5) if is_short else (6_000, 100)
    sent = simulated(3 * part, name="slow", seed=6, cards=200 if is_short else 3_000)
    key = issue_call_key()
    world.worker("behind the proxy", batch=BATCH, REDIS_URL=world.proxy.url)
    port = world.web()
    try:
        answers = [
            _call_while(world, mode, sent[number * part : (number + 1) * part], callers(mode.value, calls), key)
            for number, mode in enumerate((Mode.DELAY, Mode.HANG))
        ]
        # Longer than the patience of the worker's connection.
        world.rest(0.0 if is_short else 35.0)
    finally:
        world.proxy.set(Mode.PASS)
    world.send(sent[2 * part :])
    answers.append(call(port, key, callers("after", calls)))
    recorded = [payment for one in answers for payment in one.recorded]
    if is_short:
        age_calls()
    world.settle(len(sent) + len(recorded))
    world.end("behind the proxy")
    _judge(outcome, answers, calls)
    # Calls share shops and devices with the stream: only what a card alone makes can be recomputed.
    close_the_books(world, outcome, [*sent, *recorded], only_own=True)
    return outcome


def _judge(outcome: Outcome, answers: Sequence[Calls], calls: int) -> None:
    mute = answers[1]
    outcome.require(mute.degraded == calls, f"{calls - mute.degraded} calls had features from a mute store")
    limit = settings.FEATURE_STORE_TIMEOUT_SECONDS + SLACK_SECONDS
    outcome.require(mute.longest < limit, f"a call took {mute.longest:.1f} s while the store was mute")
    for one in answers:
        outcome.require(one.statuses.keys() == {201}, f"calls were answered with {dict(one.statuses)}")
    outcome.done |= {"calls": len(answers) * calls, "answered without features": sum(one.degraded for one in answers)}
    outcome.done["longest call while mute in ms"] = round(mute.longest * 1000)


def callers(name: str, count: int) -> list[Sent]:
    """Payments to call with, of cards that no other payments have: what is counted late would have them all differ."""
    return [
        changed(one, card_id=f"{name}-{one.key}", customer_id=f"{name}-{one.key}")
        for one in simulated(count, name=name, seed=7, cards=100)
    ]


def issue_call_key(*scopes: str) -> str:
    """An API key for the calls, as many as there are; with no scopes named, one that decides."""
    ApiKey.objects.filter(name="chaos").delete()
    return issue_key(name="chaos", scopes=list(scopes or ("decide",)), rate_limit=1_000_000)


def _call_while(world: World, mode: Mode, sent: Sequence[Sent], called: Sequence[Sent], key: str) -> Calls:
    """Records and calls while the store is in a mode."""
    before = world.about_decided()
    world.send(sent)
    world.wait_for_decisions(before + 1)
    world.proxy.set(mode)
    return call(world.web(), key, called)


def age_calls() -> None:
    """Let the relay see to what calls left uncounted, as it does after a minute."""
    PendingFeatures.objects.filter(writer="api").update(created_at=F("created_at") - SETTLE_AFTER)
