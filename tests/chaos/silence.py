"""Experiments with a PostgreSQL that freezes, dies or falls silent while payments are authorised."""

import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from tests.chaos.answers import compare_answers
from tests.chaos.counting import Outcome
from tests.chaos.crowd import Answer, Crowd, strangers
from tests.chaos.crowding import close_the_calls, see_decided
from tests.chaos.processes import signal_postgres
from tests.chaos.proxy import Mode
from tests.chaos.stores import issue_call_key
from tests.chaos.world import SHIPPED_WEBS, World

CALLERS = 16
# Enough for callers to meet each other, and for what else runs to have some of the processors.
PAUSE_SECONDS = 0.1
# As the product ships it.
PATIENCE_SECONDS = 2.0
# Another program may have the processors.
SLACK_SECONDS = 3.0
# From when the database is back until a process decides again.
BACK_WITHIN_SECONDS = 5.0
# The same when its old connections stay silent for ever: they are given up after five seconds.
RID_WITHIN_SECONDS = 12.0


@dataclass(frozen=True)
class Outage:
    """When the database was away, as time.monotonic(), and how many seconds later each process decided again."""

    began: float
    ended: float
    back_after: float


def freeze_the_database(world: World, *, is_short: bool) -> Outcome:
    """All of PostgreSQL is stopped as it stands, connections open, and goes on."""
    outcome = Outcome("PostgreSQL frozen (SIGSTOP) while payments are authorised")
    seconds = 3.0 if is_short else 30.0
    with _crowd(world, "frozen") as crowd:
        see_decided(world, crowd)
        signal_postgres(world.postgres, signal.SIGSTOP)
        began = time.monotonic()
        try:
            world.rest(seconds)
        finally:
            signal_postgres(world.postgres, signal.SIGCONT)
        outage = _see_back(world, crowd, began)
        answers = crowd.finish()
    outcome.done["seconds away"] = round(seconds)
    _judge(outcome, answers, [outage], BACK_WITHIN_SECONDS)
    close_the_calls(world, outcome, answers, is_short=is_short)
    return outcome


def kill_the_database(world: World, *, is_short: bool) -> Outcome:
    """PostgreSQL is killed with all its backends, and started again: what was answered is on its disk."""
    outcome = Outcome("PostgreSQL killed with -9 while payments are authorised")
    seconds, kills = (3.0, 1) if is_short else (10.0, 5)
    outages = []
    with _crowd(world, "crashed") as crowd:
        for _ in range(kills):
            see_decided(world, crowd)
            signal_postgres(world.postgres, signal.SIGKILL)
            began = time.monotonic()
            world.postgres.stop()
            world.rest(seconds)
            world.postgres.start()
            outages.append(_see_back(world, crowd, began))
        answers = crowd.finish()
    # Ours to a server that was killed.
    connection.close()
    connection.close_pool()
    outcome.done |= {"kills": kills, "seconds away": round(seconds)}
    _judge(outcome, answers, outages, BACK_WITHIN_SECONDS)
    close_the_calls(world, outcome, answers, is_short=is_short)
    return outcome


def silence_the_database(world: World, *, is_short: bool) -> Outcome:
    """PostgreSQL falls silent; then new connections are answered, those of before never again."""
    outcome = Outcome("connections to PostgreSQL silent for ever, new ones answered after a while")
    seconds, rounds = (3.0, 1) if is_short else (15.0, 4)
    # Where packets cannot be lost, both find them acknowledged and never answered.
    modes = [Mode.SILENT, Mode.LOST if sys.platform == "linux" else Mode.SILENT]
    outages = []
    with _crowd(world, "silent") as crowd:
        for number in range(rounds):
            see_decided(world, crowd)
            for turn, name in enumerate(SHIPPED_WEBS):
                world.database_proxies[name].set(modes[(turn + number) % 2])
            began = time.monotonic()
            world.rest(seconds)
            for proxy in world.database_proxies.values():
                proxy.set(Mode.PASS)
            outages.append(_see_back(world, crowd, began))
        see_decided(world, crowd)
        answers = crowd.finish()
    outcome.done |= {"times": rounds, "seconds away": round(seconds)}
    _judge(outcome, answers, outages, RID_WITHIN_SECONDS)
    close_the_calls(world, outcome, answers, is_short=is_short)
    return outcome


def _crowd(world: World, name: str) -> Crowd:
    ports = world.shipped_webs()
    return Crowd(ports, issue_call_key(), strangers(name), size=CALLERS, pause_seconds=PAUSE_SECONDS)


def _see_back(world: World, crowd: Crowd, began: float) -> Outage:
    """Wait until each process decides again."""
    ended = time.monotonic()
    world.wait(lambda: set(crowd.ports) <= crowd.decided_since(ended).keys(), what="each process decides again")
    return Outage(began, ended, time.monotonic() - ended)


def _judge(outcome: Outcome, answers: Sequence[Answer], outages: Sequence[Outage], limit: float) -> None:
    """Who calls meanwhile is refused in time, for now; afterwards there are decisions soon, each stored."""
    refused = [one for one in answers for outage in outages if outage.began < one.began and one.ended < outage.ended]
    outcome.require(bool(refused), "nobody called while it was away, so nothing was tried")
    # 409 where the payment is one of those that the process had begun with, and holds on to.
    statuses = Counter(one.status for one in refused)
    outcome.require(statuses.keys() <= {409, 503} and statuses[503] > 0, f"answered {dict(statuses)} meanwhile")
    outcome.require(all(one.retry_after for one in refused), "somebody was refused and not told when to come again")
    longest = max(one.seconds for one in answers)
    outcome.require(longest < PATIENCE_SECONDS + SLACK_SECONDS, f"a call took {longest:.1f} s")
    back_after = max(outage.back_after for outage in outages)
    outcome.require(back_after < limit, f"a process decided again only {back_after:.1f} s after the database was back")
    outcome.done |= {"longest call in ms": round(longest * 1000), "decides again after ms": round(back_after * 1000)}
    compare_answers(outcome, answers, is_each_heard=False)
